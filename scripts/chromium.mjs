import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { fonts } from "./fonts.mjs";
import { withLock } from "./lock.mjs";
import { root } from "./paths.mjs";

/**
 * Unpacks the Chromium that comes from npm, once, into a folder of this clone (its own default is a fixed name
 * in the shared temporary folder, where a file of another version or another person would be taken as it is).
 * @returns {Promise<{ env: Record<string, string> } | { missing: string }>} the environment that tells the
 *   browser tests where it is, or why there is none
 */
export async function chromium() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return {
      missing: `no Chromium on npm for ${process.platform} ${process.arch}; set HEADRACE_CHROMIUM to one of your own`,
    };
  }
  const home = join(root, "node_modules", "@sparticuz", "chromium");
  const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  const cache = join(root, "node_modules", ".cache", "headrace");
  const target = join(cache, `chromium-${version}`);
  const binary = join(target, "chromium");
  const fontConfiguration = await withLock("chromium", async () => {
    await unpack(home, target);
    return await fonts(cache, join(target, "fonts"));
  });

  /** @type {Record<string, string>} */
  const env = { HEADRACE_CHROMIUM: binary, HEADRACE_CHROMIUM_FONTS: fontConfiguration };
  if (missingLibraries(binary, undefined).length === 0) return { env };
  const own = join(target, "al2023", "lib");
  const missing = missingLibraries(binary, own);
  if (missing.length === 0) return { env: { ...env, HEADRACE_CHROMIUM_LIBRARIES: own } };
  return { missing: `Chromium needs ${missing.join(", ")}; on Debian: apt-get install libnss3 libexpat1` };
}

/**
 * @param {string} home
 * @param {string} target
 */
async function unpack(home, target) {
  if (existsSync(target)) return;
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const { default: pack, inflate } = await import(pathToFileURL(join(home, "build", "index.js")).href);
  const before = process.env.TMPDIR;
  // The package unpacks into the temporary folder and nowhere else.
  process.env.TMPDIR = partial;
  try {
    await pack.executablePath();
    // NSS and expat, for machines that have none.
    await inflate(join(home, "bin", "al2023.tar.br"));
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
  renameSync(partial, target);
}

/**
 * @param {string} binary
 * @param {string | undefined} libraries
 */
function missingLibraries(binary, libraries) {
  const env = libraries ? { ...process.env, LD_LIBRARY_PATH: libraries } : process.env;
  const { stdout, error } = spawnSync("ldd", [binary], { encoding: "utf8", env });
  if (error) return [];
  return [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1]);
}
