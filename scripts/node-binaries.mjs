import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { installIfNeeded } from "./install.mjs";
import { root } from "./paths.mjs";

/**
 * A Node that runs Node-RED 5 and the test runner: this one when it is new enough, otherwise a private Node 24.
 * @returns {Promise<string>} path of the binary
 */
export async function newNode() {
  // Node-RED 5 asks for 22.9; the test runner and the browser driver for 22.12.
  return isAtLeast(process.versions.node, [22, 12]) ? process.execPath : await fetched("node24", "Node 24");
}

/**
 * The oldest Node that the package supports, for the tests of that promise.
 * @returns {Promise<string>} path of the binary
 */
export async function oldNode() {
  const [major] = versionOf(process.versions.node);
  return major === 20 ? process.execPath : await fetched("node20", "Node 20");
}

/**
 * @param {'node24' | 'node20'} folder a private package under scripts/ whose only dependency is the binary
 * @param {string} what
 */
async function fetched(folder, what) {
  const home = join(root, "scripts", folder);
  await installIfNeeded(home, what);
  const modules = join(home, "node_modules");
  for (const name of readdirSync(modules).filter((entry) => entry.startsWith("node-"))) {
    const binary = [join(modules, name, "bin", "node"), join(modules, name, "bin", "node.exe")].find(existsSync);
    // A binary for another libc installs without complaint and does not start.
    if (binary && spawnSync(binary, ["--version"]).status === 0) return binary;
  }
  throw new Error(
    `There is no ${what} on npm for ${process.platform} ${process.arch}. Install Node.js 24 yourself and run this again.`,
  );
}

/** @param {string} version */
function versionOf(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return /** @type {const} */ ([major, minor]);
}

/**
 * @param {string} version
 * @param {readonly [number, number]} minimum
 */
function isAtLeast(version, [wantedMajor, wantedMinor]) {
  const [major, minor] = versionOf(version);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
