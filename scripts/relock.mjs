// npm run relock: writes package-lock.json anew after package.json has changed.
// Two things go wrong without it. With a node_modules beside it npm may drop what is not installed here; and a
// registry mirror may lack the packages for other systems, which npm then leaves out without a word, after which
// `npm ci` refuses the lock file everywhere.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./paths.mjs";
import { npm } from "./run-process.mjs";

/**
 * @typedef {{ version?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[],
 *   optionalDependencies?: Record<string, string> }} Entry
 */

const lockFile = join(root, "package-lock.json");
const folder = mkdtempSync(join(tmpdir(), "headrace-relock-"));
try {
  // With the present lock file: what it knows keeps its version.
  for (const name of ["package.json", "package-lock.json", ".npmrc"])
    copyFileSync(join(root, name), join(folder, name));
  const code = await npm(["install", "--package-lock-only", "--ignore-scripts", "--loglevel=error"], folder);
  if (code !== 0) throw new Error("npm could not resolve package.json");
  const lock = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  lock.packages = withOtherSystems(lock.packages);
  writeFileSync(lockFile, `${JSON.stringify(lock, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Adds the binaries for other systems that are missing. Their checksums are not known here; npm installs them by
 * version, and only on the system that they are for.
 * @param {Record<string, Entry>} packages
 */
function withOtherSystems(packages) {
  const complete = { ...packages };
  for (const entry of Object.values(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      const system = /^\d+\.\d+\.\d+$/.test(version) ? systemOf(name) : undefined;
      if (!complete[path] && system) {
        complete[path] = { version, ...(entry.dev ? { dev: true } : {}), optional: true, ...system };
      }
    }
  }
  // npm sorts them so.
  return Object.fromEntries(Object.entries(complete).sort(([a], [b]) => a.localeCompare(b, "en")));
}

/**
 * Reads the system out of a name such as @oxlint/binding-linux-arm64-musl.
 * @param {string} name
 */
function systemOf(name) {
  const words = (name.split("/")[1] ?? name).split("-");
  const pick = (/** @type {string[]} */ known) => words.find((word) => known.includes(word));
  const os = pick(["linux", "darwin", "win32", "android", "freebsd", "openharmony"]);
  const cpu = pick(["x64", "arm64", "arm", "ia32", "ppc64", "riscv64", "s390x"]);
  if (!os || !cpu) return undefined;
  const libc = words.some((word) => word.startsWith("musl"))
    ? "musl"
    : words.some((word) => word.startsWith("gnu"))
      ? "glibc"
      : undefined;
  return { os: [os], cpu: [cpu], ...(libc ? { libc: [libc] } : {}) };
}
