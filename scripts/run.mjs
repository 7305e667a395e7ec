// node scripts/run.mjs bench/some.ts [arguments]: builds, then runs one file on the Node that the tests run on.
import { join, relative, resolve } from "node:path";
import { build } from "./build.mjs";
import { compileTests } from "./compile-tests.mjs";
import { buildDir, root } from "./paths.mjs";
import { run } from "./run-process.mjs";
import { setup } from "./setup.mjs";
import { testEnvironment } from "./test-environment.mjs";

const [file, ...rest] = process.argv.slice(2);
if (!file) throw new Error("Name the TypeScript file to run, for instance bench/netcat.ts");
const { node } = await setup();
const env = await testEnvironment(node);
const built = await build();
// Compiled whatever the build said: stale code would run otherwise.
const compiledTests = await compileTests();
if (!built || !compiledTests) console.error("There are type errors: running all the same.");
const compiled = join(
  buildDir,
  relative(root, resolve(process.env.INIT_CWD ?? process.cwd(), file)).replace(/\.ts$/, ".js"),
);
process.exitCode = await run(node, ["--enable-source-maps", "--expose-gc", compiled, ...rest], { env });
