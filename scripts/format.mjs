import { join } from "node:path";
import { root } from "./paths.mjs";
import { run } from "./run-process.mjs";
import { setup } from "./setup.mjs";

await setup();
const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
const paths = process.argv.slice(2);
process.exitCode = await run(process.execPath, [biome, "check", "--write", ...paths]);
