import { spawn } from "node:child_process";
import { onNpmGone } from "./parent.mjs";
import { root } from "./paths.mjs";

/**
 * Runs a program to its end, output passed through.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, shell?: boolean }} [options]
 * @returns {Promise<number>} its exit code; 128 + number is reported as 1, as a signal is no success
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], ...options });
    const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
    process.on("SIGINT", forward);
    process.on("SIGTERM", forward);
    const unwatch = onNpmGone(() => child.kill("SIGTERM"));
    const release = () => {
      unwatch();
      process.off("SIGINT", forward);
      process.off("SIGTERM", forward);
    };
    child.once("error", (error) => {
      release();
      reject(error);
    });
    child.once("exit", (code) => {
      release();
      resolve(code ?? 1);
    });
  });
}

/**
 * Runs npm in a folder. The npm that started this script is taken when there is one, so that `npm start` never
 * depends on a second npm in the path.
 * @param {string[]} args
 * @param {string} cwd
 */
export function npm(args, cwd) {
  const own = process.env.npm_execpath;
  if (own?.endsWith(".js")) return run(process.execPath, [own, ...args], { cwd });
  const windows = process.platform === "win32";
  return run(windows ? "npm.cmd" : "npm", args, { cwd, shell: windows });
}
