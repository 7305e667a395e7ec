import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "./lock.mjs";
import { npm } from "./run-process.mjs";

/**
 * Installs what the lock file of a folder names, and does nothing when that is already there, whoever put it
 * there: npm keeps its own record of what it installed.
 * @param {string} folder
 * @param {string} what named in the line that is printed while people wait
 */
export async function installIfNeeded(folder, what) {
  if (isInstalled(folder)) return;
  await withLock("install", async () => {
    if (isInstalled(folder)) return;
    console.error(`Installing ${what} (first time, or the lock file changed) …`);
    // Engine warnings are expected: Node-RED 5 and the browser driver run on the Node 24 that comes with them.
    const code = await npm(["ci", "--loglevel=error", "--no-audit", "--no-fund"], folder);
    if (code !== 0) throw new Error(`npm ci failed in ${folder}`);
  });
}

/** @param {string} folder */
function isInstalled(folder) {
  const wanted = packagesIn(join(folder, "package-lock.json"));
  const present = packagesIn(join(folder, "node_modules", ".package-lock.json"));
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const found = present[path];
    // Packages for other systems are in the lock file, and rightly not installed.
    return found ? found.version === entry.version : entry.optional === true;
  });
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}
