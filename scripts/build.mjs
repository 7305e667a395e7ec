import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { compile, prune } from "./compile.mjs";
import { isMain } from "./is-main.mjs";
import { withLock } from "./lock.mjs";
import { dist, root } from "./paths.mjs";
import { setup } from "./setup.mjs";
import { fingerprint, isStamped, removeStamp, writeStamp } from "./stamp.mjs";

const inputs = [
  "lib",
  "nodes",
  "icons",
  "locales",
  "scripts/build",
  "scripts/build.mjs",
  "scripts/compile.mjs",
  "tsconfig.base.json",
  "tsconfig.json",
  "package.json",
];

/**
 * Writes dist/, the only thing that Node-RED loads; does nothing when no source has changed.
 * @returns {Promise<boolean>} whether the types are right; dist/ is written in either case
 */
export function build() {
  return withLock("build", async () => {
    const before = fingerprint(inputs);
    if (existsSync(dist) && isStamped("dist", before)) return true;
    removeStamp("dist");
    prune(dist, ["lib", "nodes"]);
    const typesAreRight = await compile("tsconfig.json");
    await generatePalette();
    // Taken before the build: a file that was saved meanwhile makes the next build run again.
    if (typesAreRight) writeStamp("dist", before);
    return typesAreRight;
  });
}

/** The flat dist/ with literal registerType calls, locales and icons is made in scripts/build/palette.mjs. */
async function generatePalette() {
  const generator = join(root, "scripts", "build", "palette.mjs");
  if (!existsSync(generator)) return;
  /** @type {{ buildPalette(options: { root: string, dist: string }): Promise<void> }} */
  const { buildPalette } = await import(pathToFileURL(generator).href);
  await buildPalette({ root, dist });
}

if (isMain(import.meta.url)) {
  await setup();
  process.exitCode = (await build()) ? 0 : 1;
}
