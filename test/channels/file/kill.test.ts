import { strict as assert } from "node:assert";
import { useTempDir } from "../../support/temp-dir.js";
import { killManyTimes, POINTS } from "./support/kill-run.js";
import { randomFrom } from "./support/simulated-disk.js";

/** `npm run kill-test` raises it to a thousand. */
const KILLS = Number(process.env["HEADRACE_KILLS"] ?? 200);

describe("file channel under SIGKILL", function () {
  this.timeout(300_000 + KILLS * 5000);
  const dir = useTempDir();

  it(`${KILLS} times at random, and once at each named point: nothing lost, nothing repeated, in order`, async () => {
    const seed = Date.now() % 1_000_000;
    const say = KILLS > 200 ? (text: string) => console.log(`    ${text}`) : undefined;
    const oracle = await killManyTimes(dir().path, KILLS, POINTS, randomFrom(seed), say).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    });
    assert.deepEqual([...oracle.points].sort(), [...POINTS].sort(), "points never passed");
    assert.ok(
      oracle.puts > KILLS / 2 && oracle.takes > KILLS / 2,
      `too little went on: ${oracle.puts}, ${oracle.takes}`,
    );
  });
});
