import { existsSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { compile } from "./compile.mjs";
import { compileTests } from "./compile-tests.mjs";
import { root } from "./paths.mjs";
import { setup } from "./setup.mjs";
import { filesUnder } from "./stamp.mjs";

await setup();
const results = [await build(), await compileTests()];
// tsc calls a project without files an error.
const editor = join(root, "lib", "palette", "editor");
if (existsSync(editor) && filesUnder(editor).some((file) => file.endsWith(".ts")))
  results.push(await compile("tsconfig.editor.json"));
process.exitCode = results.every(Boolean) ? 0 : 1;
