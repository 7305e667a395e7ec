import { existsSync } from "node:fs";
import { join } from "node:path";
import { compile, prune } from "./compile.mjs";
import { isMain } from "./is-main.mjs";
import { withLock } from "./lock.mjs";
import { buildDir } from "./paths.mjs";
import { setup } from "./setup.mjs";
import { fingerprint, isStamped, removeStamp, writeStamp } from "./stamp.mjs";

const inputs = ["lib", "nodes", "test", "bench", "tsconfig.base.json", "tsconfig.test.json", "package-lock.json"];

/**
 * Compiles tests, benches and what they import into build/; does nothing when no source has changed.
 * @returns {Promise<boolean>} whether the types are right; build/ is written in either case
 */
export function compileTests() {
  return withLock("compile-tests", async () => {
    const before = fingerprint(inputs);
    if (existsSync(join(buildDir, "test")) && isStamped("tests", before)) return true;
    removeStamp("tests");
    prune(buildDir, ["lib", "nodes", "test", "bench"]);
    const typesAreRight = await compile("tsconfig.test.json");
    if (typesAreRight) writeStamp("tests", before);
    return typesAreRight;
  });
}

if (isMain(import.meta.url)) {
  await setup();
  process.exitCode = (await compileTests()) ? 0 : 1;
}
