import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { ShardCheckpoint } from "../../lib/protocols/loghub/consumer/shard-checkpoint.js";
import { ManualClock } from "../support/manual-clock.js";
import { codeOf, refusal } from "./support/fake-store.js";

describe("LogHub consumer: checkpoints", () => {
  function checkpoint(interval: number, saved: string | undefined) {
    const clock = new ManualClock();
    const saves: string[] = [];
    const settled: unknown[] = [];
    const failures: Error[] = [];
    const gates: Promise<unknown>[] = [];
    const one = new ShardCheckpoint(
      {
        interval,
        clock,
        save: async (cursor, signal) => {
          saves.push(cursor);
          await gates.shift();
          signal.throwIfAborted();
          const failure = failures.shift();
          if (failure) throw failure;
        },
        settled: (error) => void settled.push(error),
      },
      "0",
      saved,
    );
    return { one, clock, saves, settled, failures, gates };
  }

  it("are written once an interval, the latest one, and none twice", async () => {
    const { one, clock, saves } = checkpoint(5_000, "0");
    one.moved("1");
    one.moved("2");
    clock.pass(4_999);
    assert.deepEqual(saves, []);
    clock.pass(1);
    await turn();
    one.moved("2");
    clock.pass(60_000);
    await turn();
    assert.deepEqual(saves, ["2"]);
    one.moved("3");
    await one.flush();
    await one.flush();
    assert.deepEqual(saves, ["2", "3"]);
  });

  it("are written where none was, though nothing has come", async () => {
    const { clock, saves } = checkpoint(5_000, undefined);
    clock.pass(5_000);
    await turn();
    assert.deepEqual(saves, ["0"]);
  });

  it("are written once more for the end of a shard that was closed meanwhile", async () => {
    const { one, clock, saves } = checkpoint(5_000, "0");
    clock.pass(5_000);
    assert.deepEqual(saves, []);
    one.forget();
    await turn();
    assert.deepEqual(saves, ["0"]);
  });

  it("are tried three times, then later; a lost shard is not tried again", async () => {
    const { one, clock, saves, settled, failures } = checkpoint(0, "0");
    failures.push(...Array.from({ length: 3 }, () => refusal("FLUME_LOGHUB_UNREACHABLE")));
    one.moved("1");
    for (let i = 0; i < 3; i++) {
      await turn();
      clock.pass(100);
    }
    await turn();
    assert.deepEqual(saves, ["1", "1", "1"]);
    assert.equal(codeOf(settled[0]), "FLUME_LOGHUB_UNREACHABLE");
    clock.pass(1_000);
    await turn();
    assert.deepEqual(saves.length, 4);
    assert.deepEqual(settled[1], undefined);
    failures.push(refusal("FLUME_LOGHUB_SHARD_LOST"));
    one.moved("2");
    await turn();
    assert.equal(saves.length, 5);
    assert.equal(codeOf(settled[2]), "FLUME_LOGHUB_SHARD_LOST");
  });

  it("are not written any more once closed", async () => {
    const { one, clock, saves } = checkpoint(1_000, "0");
    one.moved("1");
    one.close();
    clock.pass(10_000);
    await one.flush();
    assert.deepEqual(saves, []);
  });
});
