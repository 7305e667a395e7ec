// npm run kill-test [-- how many]: the file channel under at least 1,000 SIGKILLs, and one at each named point;
// the database channel under a fifth as many.
import { join } from "node:path";
import { root } from "./paths.mjs";
import { run } from "./run-process.mjs";

const kills = process.argv[2] ?? "1000";
const tests = ["test/channels/file/kill.test.ts", "test/channels/database/kill.test.ts"];
process.exitCode = await run(process.execPath, [join(root, "scripts", "test.mjs"), ...tests], {
  env: { ...process.env, HEADRACE_KILLS: kills, HEADRACE_DATABASE_KILLS: String(Math.ceil(Number(kills) / 5)) },
});
