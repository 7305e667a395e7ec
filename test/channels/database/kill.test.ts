import { strict as assert } from "node:assert";
import { join } from "node:path";
import { killManyTimes } from "../file/support/kill-run.js";
import { randomFrom } from "../file/support/simulated-disk.js";
import { postgresqlUnavailable, startPostgresql } from "../../counterparts/postgresql/server.js";
import { skip } from "../../support/skip.js";
import { useTempDir } from "../../support/temp-dir.js";

/** `npm run kill-test` raises it to two hundred and more. */
const KILLS = Number(process.env["HEADRACE_DATABASE_KILLS"] ?? 40);
const CHILD = join(__dirname, "support", "kill-child.js");

async function killed(place: string, kills: number): Promise<void> {
  const seed = Date.now() % 1_000_000;
  const say = kills >= 200 ? (text: string) => console.log(`    ${text}`) : undefined;
  const oracle = await killManyTimes(place, kills, [], randomFrom(seed), say, CHILD).catch((error: unknown) => {
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
  assert.ok(oracle.puts > kills / 2 && oracle.takes > kills / 2, `too little went on: ${oracle.puts}, ${oracle.takes}`);
}

describe("database channel under SIGKILL", function () {
  this.timeout(300_000 + KILLS * 10_000);
  const dir = useTempDir();

  it(`${KILLS} times at random, on SQLite: nothing lost, nothing repeated, in order`, async () => {
    await killed(dir().path, KILLS);
  });

  it(`${Math.ceil(KILLS / 4)} times at random, on PostgreSQL: nothing lost, nothing repeated, in order`, async function () {
    const reason = await postgresqlUnavailable();
    if (reason !== undefined) skip(this, reason);
    const server = await startPostgresql();
    try {
      await killed(server.url, Math.ceil(KILLS / 4));
    } finally {
      await server.remove();
    }
  });
});
