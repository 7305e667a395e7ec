import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { faults } from "./emulator/faults.js";
import { useFixture } from "./support/fixture.js";
import { Ledger } from "./support/ledger.js";
import type { SourceProcess } from "./support/source-process.js";

/** HEADRACE_LOGHUB_KILLS=200 for the long run; a seed is told when it fails, and taken from HEADRACE_LOGHUB_SEED. */
const KILLS = Number(process.env["HEADRACE_LOGHUB_KILLS"] ?? 30);
const SEED = Number(process.env["HEADRACE_LOGHUB_SEED"] ?? Math.floor(Math.random() * 1e9));

/** Numbers between 0 and 1, the same ones for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("LogHub sources that are killed", function () {
  this.timeout(120_000 + KILLS * 10_000);
  const fixture = useFixture();

  it("12: killed between delivery and checkpoint, exactly what was not committed comes again", async () => {
    const { service, ledger, process, emissions, allOut, committed } = await fixture({ shards: 1 });
    const settings = { checkpointInterval: 0, batchSize: 1 };
    const before = process("a", settings);
    ledger.write(0, 10);
    await allOut();
    await eventually(() => committed(0) === 10, { what: "checkpoint" });
    const lost = service.inject({ on: "UpdateCheckPoint" }, faults.silence());
    const uncommitted = ledger.write(0, 5);
    await allOut();
    await before.kill();
    lost.end();
    const rest = ledger.write(0, 2);
    const after = process("a", settings);
    await allOut();
    assert.deepEqual(
      after.emissions.map(({ id }) => id),
      [...uncommitted, ...rest],
    );
    assert.deepEqual(Ledger.repeated(emissions()), uncommitted);
  });

  it("stands still for longer than the timeout: hands nothing on that another has by now, and joins again", async () => {
    const { service, ledger, process, emissions, allOut, held } = await fixture({ shards: 4 });
    const settings = { groupTimeout: 4, batchSize: 5, fetchCount: 5, checkpointInterval: 100 };
    const a = process("a", settings);
    process("b", settings);
    await eventually(() => held().get("a") === 2 && held().get("b") === 2, { within: 60_000, what: "two shards each" });
    const writing = setInterval(() => [0, 1, 2, 3].forEach((shard) => ledger.write(shard)), 10);
    try {
      for (let pause = 0; pause < 2; pause++) {
        await eventually(() => held().get("a") === 2, { within: 60_000, what: "its shards" });
        await sleep(300 + pause * 37);
        a.pause();
        await eventually(() => held().get("b") === 4, { within: 60_000, what: "takeover" });
        // Its connections are full of answers by now.
        await sleep(200);
        a.resume();
      }
      await eventually(() => held().get("a") === 2, { within: 60_000, what: "its shards" });
    } finally {
      clearInterval(writing);
      a.resume();
    }
    await allOut();
    ledger.assertHeld(emissions());
    ledger.assertRepeatsUncommitted(emissions());
    assert.equal(
      service.history.epochs.entries.filter(({ consumer, why }) => consumer === "a" && why === "evicted").length,
      4,
    );
  });

  it(`two of one group, either killed at random ${KILLS} times under load: nothing lost, one holder at a time`, async () => {
    const random = randomNumbers(SEED);
    const { service, ledger, process, emissions, held } = await fixture({ shards: 6, historyLimit: 5_000_000 });
    const settings = { groupTimeout: 5, batchSize: 50, fetchCount: 20, checkpointInterval: 100 };
    const running = new Map<string, SourceProcess>();
    for (const name of ["a", "b"]) running.set(name, process(name, settings));
    const writing = setInterval(() => {
      for (let group = 0; group < 4; group++) {
        const open = service.store().shards.filter((shard) => shard.writable);
        const shard = open[Math.floor(random() * open.length)];
        if (shard) ledger.write(shard.id, 1, 5);
      }
    }, 20);
    let takeovers = 0;
    try {
      await eventually(() => held().size === 2 && emissions().length > 0, { within: 60_000, what: "both to read" });
      for (let kill = 1; kill <= KILLS; kill++) {
        await sleep(random() * 600);
        const name = random() < 0.5 ? "a" : "b";
        await running.get(name)?.kill();
        if (kill === Math.ceil(KILLS / 2)) service.store().split(0, `0${"8".repeat(31)}`);
        if (random() < 0.1) {
          // Long enough for the other to have all its shards.
          takeovers++;
          const others = () => [...held().keys()].filter((consumer) => consumer === name);
          await eventually(() => others().length === 0, { within: 60_000, every: 100, what: "takeover" });
        }
        running.set(name, process(name, settings));
      }
      clearInterval(writing);
      await ledger.allOut(emissions, 120_000);
      const all = emissions();
      ledger.assertHeld(all);
      ledger.assertRepeatsUncommitted(all);
      const repeated = Ledger.repeated(all).length;
      console.log(
        `      ${KILLS} kills, ${takeovers} takeovers, ${ledger.written} logs, ${repeated} of them again, ` +
          `${service.history.epochs.entries.length} epochs`,
      );
      assert.equal(service.history.checkpoints.forgotten + service.history.epochs.forgotten, 0);
    } catch (error) {
      const errors = [...running.values()].map((one) => one.errors).join("");
      throw new Error(`With HEADRACE_LOGHUB_SEED=${SEED}: ${(error as Error).message} ${errors}`, { cause: error });
    } finally {
      clearInterval(writing);
    }
  });
});
