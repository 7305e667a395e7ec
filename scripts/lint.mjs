import { join } from "node:path";
import { root } from "./paths.mjs";
import { run } from "./run-process.mjs";
import { setup } from "./setup.mjs";

await setup();
const tool = (/** @type {string[]} */ ...path) => join(root, "node_modules", ...path);
const codes = [
  await run(process.execPath, [
    tool("oxlint", "bin", "oxlint"),
    "--type-aware",
    "--tsconfig",
    "tsconfig.test.json",
    "--deny-warnings",
  ]),
  await run(process.execPath, [tool("@biomejs", "biome", "bin", "biome"), "check", "--error-on-warnings"]),
];
process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
