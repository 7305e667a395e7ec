// npm run kill-test [-- how many]: the file channel under at least 1,000 SIGKILLs, and one at each named point;
// the database channel and the spillable channel under a fifth as many.
import { join } from "node:path";
import { root } from "./paths.mjs";
import { run } from "./run-process.mjs";

const kills = process.argv[2] ?? "1000";
const fifth = String(Math.ceil(Number(kills) / 5));
const tests = ["file", "database", "spillable"].map((channel) => `test/channels/${channel}/kill.test.ts`);
process.exitCode = await run(process.execPath, [join(root, "scripts", "test.mjs"), ...tests], {
  env: {
    ...process.env,
    HEADRACE_KILLS: kills,
    HEADRACE_DATABASE_KILLS: fifth,
    HEADRACE_SPILLABLE_KILLS: fifth,
  },
});
