import assert from "node:assert/strict";
import type { EventBatch } from "../../lib/engine/batch.js";
import { EventGathering } from "../../lib/protocols/loghub/consumer/event-gathering.js";
import type { Fetched } from "../../lib/protocols/loghub/consumer/shard-puller.js";
import { Troubles } from "../../lib/protocols/loghub/consumer/troubles.js";
import { bodiesOf, textBatch } from "../support/event-batches.js";
import { ManualClock } from "../support/manual-clock.js";
import { codeOf, refusal } from "./support/fake-store.js";

describe("LogHub consumer: what goes together", () => {
  /** Replies are texts: events are their words, in parts of two. */
  function gathering() {
    const clock = new ManualClock();
    const handed: string[] = [];
    const delivered: string[] = [];
    const released: string[] = [];
    const answers: boolean[] = [];
    const events = function* (groups: Buffer): Generator<EventBatch> {
      const words = groups
        .toString()
        .split(" ")
        .filter((word) => word !== "");
      for (let i = 0; i < words.length; i += 2) yield textBatch(...words.slice(i, i + 2));
    };
    const one = new EventGathering({ batchSize: 2, batchDuration: 1_000 }, clock, {
      events,
      deliver: async (batch) => {
        if (answers.shift() === false) return false;
        handed.push(bodiesOf([batch]).join(" "));
        return true;
      },
      delivered: ({ next }) => void delivered.push(next),
    });
    const reply = (text: string, next: string, atEnd = false): Fetched => ({
      groups: Buffer.from(text),
      next,
      atEnd,
      receivedAt: undefined,
      release: () => void released.push(next),
    });
    return { one, clock, handed, delivered, released, answers, reply };
  }

  it("is what is less than a batch, with what follows it, for a while", async () => {
    const { one, clock, handed, delivered, released, reply } = gathering();
    assert.equal(one.due, undefined);
    assert.ok(await one.add(reply("a", "1")));
    assert.deepEqual([handed, delivered, released], [[], [], []]);
    clock.pass(400);
    assert.equal(one.due, 600);
    assert.ok(await one.add(reply("b c d", "2")));
    assert.deepEqual(handed, ["a b c"]);
    assert.deepEqual(delivered, ["1"], "of the second one a part still waits");
    assert.equal(one.due, 1_000);
    assert.ok(await one.flush());
    assert.deepEqual(
      [handed, delivered, released],
      [
        ["a b c", "d"],
        ["1", "2"],
        ["1", "2"],
      ],
    );
  });

  it("is nothing that has to wait for what does not follow", async () => {
    const { one, handed, delivered, reply } = gathering();
    await one.add(reply("a b c", "1", true));
    await one.add(reply("", "2"));
    await one.add(reply("", "3", true));
    assert.deepEqual(
      [handed, delivered],
      [
        ["a b", "c"],
        ["1", "2", "3"],
      ],
    );
  });

  it("is not delivered when a part was taken back", async () => {
    const { one, handed, delivered, released, answers, reply } = gathering();
    answers.push(true, false);
    assert.equal(await one.add(reply("a b c", "1", true)), false);
    assert.deepEqual([handed, delivered, released], [["a b"], [], []]);
    one.discard();
    assert.deepEqual([delivered, released], [[], ["1"]]);
  });
});

describe("LogHub consumer: troubles", () => {
  it("are over when the last of them is", () => {
    const reports: unknown[] = [];
    const troubles = new Troubles((error) => reports.push(error));
    troubles.begins("a", 1);
    troubles.begins("b", 2);
    troubles.ends("c");
    troubles.ends("a");
    troubles.ends("a");
    assert.deepEqual(reports, [1, 2]);
    troubles.ends("b");
    assert.deepEqual(reports, [1, 2, undefined]);
  });

  it("with one cause are told by the first that has it, again and again", () => {
    const reports: unknown[] = [];
    const troubles = new Troubles((error) => reports.push(codeOf(error)));
    for (const where of ["a", "b", "a", "c"]) troubles.begins(where, refusal("FLUME_LOGHUB_UNREACHABLE"));
    troubles.begins("b", refusal("FLUME_LOGHUB_QUOTA"));
    assert.deepEqual(reports.splice(0), ["FLUME_LOGHUB_UNREACHABLE", "FLUME_LOGHUB_UNREACHABLE", "FLUME_LOGHUB_QUOTA"]);
    troubles.ends("a");
    troubles.begins("c", refusal("FLUME_LOGHUB_UNREACHABLE"));
    assert.deepEqual(reports, ["FLUME_LOGHUB_UNREACHABLE"]);
  });
});
