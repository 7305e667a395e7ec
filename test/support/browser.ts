import { launch, type Browser } from "puppeteer-core";
import { onLeftover } from "./cleanup.js";
import { chromium } from "./machine.js";
import { skip } from "./skip.js";

export type { Browser };

/** Milliseconds until it must have started, beside a Node-RED that starts at the same time. */
const START_WITHIN = 90_000;

/** Starts a headless Chromium. */
export async function startBrowser(): Promise<Browser> {
  if (!chromium.path) throw new Error(`No Chromium: ${chromium.missing}`);
  const browser = await launch({
    executablePath: chromium.path,
    timeout: START_WITHIN,
    // The binary is Chromium's headless shell, which knows no other mode.
    headless: "shell",
    args: [
      // Containers and CI run as root, where Chromium's own sandbox refuses to start; it only ever opens our editor.
      "--no-sandbox",
      // /dev/shm has 64 MB in many containers.
      "--disable-dev-shm-usage",
      "--disable-gpu",
      "--font-render-hinting=none",
      "--hide-scrollbars",
    ],
    env: {
      ...process.env,
      ...(chromium.fonts ? { FONTCONFIG_FILE: chromium.fonts } : {}),
      ...(chromium.libraries ? { LD_LIBRARY_PATH: chromium.libraries } : {}),
    },
  });
  const forget = onLeftover(`browser, process ${browser.process()?.pid}`, () => browser.close());
  browser.once("disconnected", forget);
  return browser;
}

/** For use inside describe(): one browser for all its tests; they are skipped, out loud, where there is none. */
export function useBrowser(): () => Browser {
  let current: Browser | undefined;
  before(async function () {
    this.timeout(120_000);
    if (!chromium.path) skip(this, chromium.missing);
    current = await startBrowser();
  });
  after(async () => {
    await current?.close();
  });
  return () => {
    if (!current) throw new Error("The browser runs only while the tests of the suite do");
    return current;
  };
}
