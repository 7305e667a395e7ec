// npm test [-- [--grep text] [--node20] [--coverage] [test/some/folder | test/some.test.ts …] [mocha's own options]]
import { existsSync, rmSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { build } from "./build.mjs";
import { compileTests } from "./compile-tests.mjs";
import { buildDir, root } from "./paths.mjs";
import { run } from "./run-process.mjs";
import { secondTry } from "./second-try.mjs";
import { setup } from "./setup.mjs";
import { testEnvironment } from "./test-environment.mjs";

const { paths, options, node20, coverage } = readArguments(process.argv.slice(2));
const { node } = await setup();
const env = await testEnvironment(node);
const typesAreRight = [await build(), await compileTests()].every(Boolean);

if (!typesAreRight) console.error("Type errors, listed above: the tests run all the same, and this counts as failed.");

const binary = node20 ? env.HEADRACE_NODE_20 : node;
if (!binary) throw new Error(env.HEADRACE_NODE_20_MISSING);
const failures = join(buildDir, "failures.json");
rmSync(failures, { force: true });
const mocha = [
  join(root, "node_modules", "mocha", "bin", "mocha.js"),
  "--enable-source-maps",
  ...["--require", join(buildDir, "test", "support", "root-hooks.js")],
  ...["--reporter", join(root, "scripts", "mocha-reporter.cjs"), "--reporter-option", `failures=${failures}`],
  ...["--timeout", "60000"],
  ...(process.env.CI === "true" ? ["--forbid-only"] : []),
  // CI=true alone makes mocha write colours into log files.
  ...(process.stdout.isTTY ? [] : ["--no-color"]),
  ...options,
];
const c8 = [
  join(root, "node_modules", "c8", "bin", "c8.js"),
  ...["--reporter", "text-summary", "--reporter", "html", "--exclude", "build/test/**", "--exclude-after-remap"],
  binary,
];
let code = await run(binary, [...(coverage ? c8 : []), ...mocha, ...paths], { env });
const again = code !== 0 && process.env.CI === "true" ? secondTry(failures) : undefined;
if (again) {
  console.log(`\nA second try, with the machine to themselves, of:\n${list(again.files)}\n`);
  code = await run(binary, [...mocha, ...again.files], { env });
  const verdict = code === 0 ? "NOT STEADY, failed once and passed once, to be mended" : "Failed twice";
  console.log(`${verdict}:\n${list(again.titles)}\n`);
}
process.exitCode = code !== 0 ? code : typesAreRight ? 0 : 1;

/** @param {string[]} lines */
function list(lines) {
  return lines.map((line) => `  - ${line}`).join("\n");
}

/**
 * Tests are named as they stand in the sources; what mocha runs is the compiled file.
 * @param {string[]} given
 */
function readArguments(given) {
  const own = ["--node20", "--coverage"];
  const rest = given.filter((argument) => !own.includes(argument));
  const paths = [];
  const options = [];
  for (const argument of rest) {
    const source = resolve(process.env.INIT_CWD ?? process.cwd(), argument);
    if (argument.startsWith("-") || !existsSync(source)) options.push(argument);
    else paths.push(compiled(source));
  }
  if (paths.length === 0) paths.push(join(buildDir, "test", "**", "*.test.js"));
  return { paths, options, node20: given.includes("--node20"), coverage: given.includes("--coverage") };
}

/** @param {string} source */
function compiled(source) {
  const inRoot = relative(root, source);
  const target = inRoot.startsWith("build") ? source : join(buildDir, inRoot);
  return statSync(source).isDirectory() ? join(target, "**", "*.test.js") : target.replace(/\.ts$/, ".js");
}
