import { existsSync, rmSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { root } from "./paths.mjs";
import { run } from "./run-process.mjs";
import { filesUnder } from "./stamp.mjs";

/**
 * Compiles a TypeScript project. Output is written even when there are type errors, as tsc does.
 * @param {string} project for instance tsconfig.json
 * @returns {Promise<boolean>} whether the types are right
 */
export async function compile(project) {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  return (await run(process.execPath, [tsc, "-p", project])) === 0;
}

/**
 * Deletes compiled files whose source is gone: a test that was deleted would otherwise run for ever.
 * @param {string} outDir
 * @param {string[]} folders those below outDir that mirror source folders
 */
export function prune(outDir, folders) {
  for (const file of folders.flatMap((folder) => filesUnder(join(outDir, folder)))) {
    const match = /^(.*)\.js(\.map)?$/.exec(relative(outDir, file).split(sep).join("/"));
    if (match && !existsSync(join(root, `${match[1]}.ts`))) rmSync(file, { force: true });
  }
}
