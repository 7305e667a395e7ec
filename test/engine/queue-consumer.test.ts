import { strict as assert } from "node:assert";
import { NEVER } from "../../lib/engine/delivery.js";
import { batchOfPieces, EventQueue } from "../../lib/engine/event-queue.js";
import { QueueConsumer } from "../../lib/engine/queue-consumer.js";
import { bodiesOf, textBatch } from "../support/event-batches.js";
import { Gate } from "../support/gate.js";

const ANY = { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** A queue with one event for each text, and a consumer whose commits do what the test says. */
function consuming(texts: readonly string[], committed: () => void | Promise<void>) {
  const queue = new EventQueue();
  for (const [i, text] of texts.entries()) queue.append(i, textBatch(text));
  const consumer = new QueueConsumer(10, queue, {
    taken: () => undefined,
    committed,
    returned: () => undefined,
    closed: () => undefined,
  });
  const take = async (events: number) => {
    const taken = await consumer.take({ ...ANY, events }, NEVER);
    assert.ok(taken);
    return taken;
  };
  return { consumer, take, left: () => (queue.ready ? bodiesOf([batchOfPieces(queue.take(ANY))]) : []) };
}

describe("queue consumer", () => {
  it("has the events again, where they were, when the channel could not note a commit", async () => {
    const { take, left } = consuming(["1", "2", "3"], () => Promise.reject(new Error("the disk is full")));
    const first = await take(1);
    const second = await take(1);
    await assert.rejects(second.commit(), /disk is full/);
    await assert.rejects(first.commit(), /disk is full/);
    await assert.rejects(first.rollback());
    assert.deepEqual(left(), ["1", "2", "3"]);
  });

  it("and when the commit throws", async () => {
    const { take, left } = consuming(["1"], () => {
      throw new Error("a fault");
    });
    await assert.rejects((await take(1)).commit(), /a fault/);
    assert.deepEqual(left(), ["1"]);
  });

  it("lets a commit under way go on when it is closed", async () => {
    const gate = new Gate();
    const { consumer, take, left } = consuming(["1", "2"], () => gate.opened);
    const committing = (await take(1)).commit();
    await consumer.close();
    gate.open();
    await committing;
    assert.deepEqual(left(), ["2"]);
  });

  it("frees the lease only when the commit has ended", async () => {
    const queue = new EventQueue();
    for (const [i, text] of ["1", "2"].entries()) queue.append(i, textBatch(text));
    const gate = new Gate();
    const consumer = new QueueConsumer(1, queue, {
      taken: () => undefined,
      committed: () => gate.opened,
      returned: () => undefined,
      closed: () => undefined,
    });
    const first = await consumer.take({ ...ANY, events: 1 }, NEVER);
    const committing = first?.commit();
    let second: unknown;
    const next = consumer.take(ANY, NEVER).then((taken) => (second = taken));
    await new Promise(setImmediate);
    assert.equal(second, undefined);
    gate.open();
    await Promise.all([committing, next]);
    assert.ok(second);
  });
});
