import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "./paths.mjs";

/**
 * All files under a path (a file counts as itself), sorted; a path that does not exist has none.
 * @param {string} path
 * @returns {string[]}
 */
export function filesUnder(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return [];
  if (!stats.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => name !== "node_modules")
    .sort()
    .flatMap((name) => filesUnder(join(path, name)));
}

/**
 * Says whether files have changed, by name, size and time: reading them all would cost more than it saves.
 * @param {string[]} paths relative to the root of the clone
 */
export function fingerprint(paths) {
  const hash = createHash("sha256");
  for (const file of paths.flatMap((path) => filesUnder(join(root, path)))) {
    const stats = statSync(file, { throwIfNoEntry: false });
    hash.update(`${relative(root, file)}\0${stats?.size}\0${stats?.mtimeMs}\n`);
  }
  return hash.digest("hex");
}

const stampFile = (/** @type {string} */ name) => join(root, ".stamps", name);

/** @param {string} name @param {string} value */
export function isStamped(name, value) {
  try {
    return readFileSync(stampFile(name), "utf8") === value;
  } catch {
    return false;
  }
}

/** @param {string} name @param {string} value */
export function writeStamp(name, value) {
  mkdirSync(dirname(stampFile(name)), { recursive: true });
  writeFileSync(stampFile(name), value);
}

/** @param {string} name */
export function removeStamp(name) {
  rmSync(stampFile(name), { force: true });
}
