// npm run mutation-test: each suite of the file channel with each promise broken on purpose, and a table of who notices.
import { join } from "node:path";
import { root } from "./paths.mjs";
import { run } from "./run-process.mjs";

const tests = ["test/channels/file/mutation.test.ts"];
process.exitCode = await run(process.execPath, [join(root, "scripts", "test.mjs"), ...tests], {
  env: { ...process.env, HEADRACE_MUTATION: "all" },
});
