import assert from "node:assert/strict";
import { batchOf, type EventBatch } from "../../lib/engine/batch.js";
import type { Channel, Consumer, Take } from "../../lib/engine/contracts.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { copyHeaders, createEvent } from "../../lib/engine/event.js";
import { bodiesOf, numberBatch, textBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { reported } from "./support/reported.js";
import { kafkaChannel } from "./support/subjects.js";
import type { SuiteKafka } from "./support/suite-kafka.js";

const ALL = { events: 1_000, bytes: Number.POSITIVE_INFINITY };

async function put(channel: Channel, batch: EventBatch): Promise<void> {
  const prepared = await channel.prepare(batch, NEVER);
  await prepared.commit();
}

async function take(consumer: Consumer, events = 1_000): Promise<Take> {
  const taken = await consumer.take({ ...ALL, events }, AbortSignal.timeout(20_000));
  assert.ok(taken, "something to take");
  return taken;
}

export function channelTests(suite: () => SuiteKafka): void {
  it("gives headers and bodies back in Flume's format; without it the body and the key alone", async () => {
    for (const parseAsFlumeEvent of [true, false]) {
      const topic = await suite().topic();
      const channel = kafkaChannel(suite().context(), { topic, parseAsFlumeEvent });
      await channel.start();
      const headers = Object.assign(copyHeaders(), { a: "1", key: "k" });
      await put(channel, batchOf([createEvent(Buffer.from("body"), headers), createEvent(Buffer.from("bare"))]));
      const consumer = channel.connect({ id: "x", maxLeases: 1 });
      const taken = await take(consumer);
      assert.deepEqual(bodiesOf([taken.batch]), ["body", "bare"]);
      assert.deepEqual({ ...taken.batch.at(0).headers }, parseAsFlumeEvent ? { a: "1", key: "k" } : { key: "k" });
      await taken.commit();
      await eventually(async () => (await suite().committed("flume", topic))[0] === 2, { what: "the offset" });
      await channel.stop();
      const [first] = await suite().read(topic);
      assert.equal(first?.key, "k");
      if (!parseAsFlumeEvent) assert.equal(first.value?.toString(), "body");
    }
  });

  it("rolled back events come again, before those behind them", async () => {
    const topic = await suite().topic();
    const channel = kafkaChannel(suite().context(), { topic });
    await channel.start();
    await put(channel, numberBatch(0, 30));
    const consumer = channel.connect({ id: "x", maxLeases: 3 });
    const [first, second] = [await take(consumer, 10), await take(consumer, 10)];
    await second.rollback();
    await first.rollback();
    // Smaller takes than before, and one that is done before those in front of it.
    const [a, b, c] = [await take(consumer, 4), await take(consumer, 6), await take(consumer, 20)];
    assert.deepEqual(
      bodiesOf([a.batch, b.batch, c.batch]),
      Array.from({ length: 30 }, (_, i) => String(i)),
    );
    await c.commit();
    assert.deepEqual(await suite().committed("flume", topic), [-1]);
    await a.commit();
    await eventually(async () => (await suite().committed("flume", topic))[0] === 4, { what: "the first offset" });
    await b.commit();
    await eventually(async () => (await suite().committed("flume", topic))[0] === 30, { what: "the last offset" });
    await channel.stop();
  });

  it("a record that is no event in Flume's format blocks and is told, is dropped, or comes as it is", async () => {
    const topic = await suite().topic();
    const producer = suite().kafka.producer();
    await producer.connect();
    const good = Buffer.from("000874657374", "hex");
    await producer.send({ topic, messages: [{ value: good }, { value: "of another program" }, { value: null }] });
    await producer.disconnect();
    for (const malformed of ["block", "drop", "raw"] as const) {
      const context = suite().context();
      const channel = kafkaChannel(context, { topic, groupId: malformed, malformed, pollTimeout: 50 });
      await channel.start();
      const consumer = channel.connect({ id: "x", maxLeases: 2 });
      if (malformed === "block") {
        const stop = new AbortController();
        const takes = [consumer.take(ALL, stop.signal), consumer.take(ALL, stop.signal)];
        const error = await eventually(() => reported(context, "FLUME_KAFKA_RECORDS_UNREADABLE"), {
          within: 20_000,
          what: "report",
        });
        assert.deepEqual([error.parameters["topic"], error.parameters["offset"]], [topic, 1]);
        // What comes behind it stays where it is.
        await put(channel, textBatch("later"));
        await new Promise((resolve) => setTimeout(resolve, 500));
        stop.abort();
        assert.deepEqual(await Promise.all(takes), [undefined, undefined]);
      } else {
        const bodies: string[] = [];
        const reasons: (string | undefined)[] = [];
        while (!bodies.includes("later")) {
          const taken = await take(consumer);
          for (const { body, headers } of taken.batch) {
            bodies.push(body.toString());
            reasons.push(headers["flume.malformed"]);
          }
          await taken.commit();
        }
        const raw = malformed === "raw";
        assert.deepEqual(bodies, raw ? ["test", "of another program", "", "later"] : ["test", "later"]);
        assert.deepEqual(reasons.map(Boolean), raw ? [false, true, true, false] : [false, false]);
        assert.equal(context.counters.get("EventDropCount"), raw ? 0 : 2);
        assert.equal(reported(context, "FLUME_KAFKA_RECORDS_UNREADABLE"), undefined);
        await eventually(async () => (await suite().committed(malformed, topic))[0] === 4, { what: "the last offset" });
      }
      await channel.stop();
      if (malformed === "block") assert.deepEqual(await suite().committed(malformed, topic), [-1]);
    }
  });

  it("a closed consumer loses its takes to the next one", async () => {
    const topic = await suite().topic();
    const channel = kafkaChannel(suite().context(), { topic });
    await channel.start();
    await put(channel, numberBatch(0, 5));
    const first = channel.connect({ id: "x", maxLeases: 1 });
    const lost = await take(first);
    await first.close();
    assert.ok(lost.lost.aborted);
    await assert.rejects(lost.commit(), { code: "FLUME_LEASE_LOST" });
    const second = channel.connect({ id: "x", maxLeases: 1 });
    const again = await take(second);
    assert.deepEqual(bodiesOf([again.batch]), bodiesOf([lost.batch]));
    await again.commit();
    await channel.stop();
  });

  it("what was taken and not committed is there after a restart", async () => {
    const topic = await suite().topic();
    const first = kafkaChannel(suite().context(), { topic });
    await first.start();
    await put(first, numberBatch(0, 20));
    const before = first.connect({ id: "x", maxLeases: 2 });
    const done = await take(before, 5);
    await done.commit();
    await take(before, 5);
    await first.stop();
    const second = kafkaChannel(suite().context(), { topic });
    await second.start();
    const taken = await take(second.connect({ id: "x", maxLeases: 1 }));
    assert.deepEqual(
      bodiesOf([taken.batch]),
      Array.from({ length: 15 }, (_, i) => String(i + 5)),
    );
    await taken.commit();
    await second.stop();
  });

  it("keeps the order of admission on the way to the broker; an aborted put leaves no gap", async () => {
    const topic = await suite().topic();
    const channel = kafkaChannel(suite().context(), { topic });
    await channel.start();
    const [a, b, c] = [
      await channel.prepare(textBatch("a"), NEVER),
      await channel.prepare(textBatch("b"), NEVER),
      await channel.prepare(textBatch("c"), NEVER),
    ];
    const last = c.commit();
    const first = a.commit();
    b.abort();
    await Promise.all([first, last]);
    const taken = await take(channel.connect({ id: "x", maxLeases: 1 }));
    assert.deepEqual(bodiesOf([taken.batch]), ["a", "c"]);
    await channel.stop();
  });

  it("puts go where the partition header says, and a batch that asks for what is not there is refused whole", async () => {
    const topic = await suite().topic(3);
    const channel = kafkaChannel(suite().context(), {
      topic,
      defaultPartitionId: 1,
      partitionIdHeader: "p",
      parseAsFlumeEvent: false,
    });
    await channel.start();
    const event = (body: string, p?: string) =>
      createEvent(Buffer.from(body), Object.assign(copyHeaders(), p === undefined ? {} : { p }));
    await assert.rejects(put(channel, batchOf([event("x"), event("y", "3")])), {
      code: "FLUME_KAFKA_PARTITION_INVALID",
      retry: "never",
    });
    await assert.rejects(put(channel, textBatch("z".repeat(2_000_000))), {
      code: "FLUME_KAFKA_MESSAGE_TOO_LARGE",
      retry: "never",
    });
    await put(channel, batchOf([event("one"), event("two", "2")]));
    await channel.stop();
    const seen = (await suite().read(topic)).map(({ partition, value }) => `${partition} ${value?.toString()}`);
    assert.deepEqual(seen, ["1 one", "2 two"]);
  });

  it("puts beyond what may be under way wait, and are told that it is full", async () => {
    const topic = await suite().topic();
    const channel = kafkaChannel(suite().context(), { topic, maxEventsInFlight: 10, keepAlive: 0 });
    await channel.start();
    const held = await channel.prepare(numberBatch(0, 10), NEVER);
    await assert.rejects(channel.prepare(textBatch("x"), NEVER), { code: "FLUME_CHANNEL_FULL" });
    await assert.rejects(channel.prepare(numberBatch(0, 11), NEVER), { code: "FLUME_BATCH_TOO_LARGE" });
    await held.commit();
    await put(channel, textBatch("x"));
    await channel.stop();
  });
}
