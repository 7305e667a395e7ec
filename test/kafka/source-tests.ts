import assert from "node:assert/strict";
import { batchOf } from "../../lib/engine/batch.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { channelFull, type HeadraceError } from "../../lib/engine/errors.js";
import { copyHeaders, createEvent } from "../../lib/engine/event.js";
import { numberBatch, textBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { TestOutlet } from "../support/outlets.js";
import { reported } from "./support/reported.js";
import { kafkaSink, kafkaSource } from "./support/subjects.js";
import type { SuiteKafka } from "./support/suite-kafka.js";

async function write(suite: SuiteKafka, topic: string, ...batches: ReturnType<typeof textBatch>[]): Promise<void> {
  const sink = kafkaSink(suite.context(), { topic });
  await sink.start();
  for (const batch of batches) await sink.write(batch, NEVER);
  await sink.stop();
}

const QUICK = [{ property: "heartbeat.interval.ms", value: "200" }];

const sorted = (bodies: readonly string[]): string[] => bodies.toSorted((a, b) => Number(a) - Number(b));
const numbers = (first: number, length: number): string[] => Array.from({ length }, (_, i) => String(first + i));

export function sourceTests(suite: () => SuiteKafka): void {
  it("sets the headers that Flume sets", async () => {
    const topic = await suite().topic();
    const producer = suite().kafka.producer();
    await producer.connect();
    const headers = { from: ["a", "b"], other: "c" };
    await producer.send({
      topic,
      messages: [{ key: "k", value: "body", headers, timestamp: "1000" }, { value: null }],
    });
    await producer.disconnect();
    const source = kafkaSource(suite().context(), {
      topics: topic,
      headers: [{ flumeHeader: "host", kafkaHeader: "from" }],
    });
    const out = new TestOutlet();
    await source.start(out);
    await eventually(() => out.events === 2, { within: 20_000 });
    await source.stop();
    const [first, second] = out.accepted.flatMap((batch) => [...batch]);
    assert.equal(first?.body.toString(), "body");
    const expected = { timestamp: "1000", host: "b", topic, partition: "0", offset: "0", key: "k" };
    assert.deepEqual({ ...first?.headers }, expected);
    assert.equal(second?.body.length, 0);
    assert.equal(second?.headers["offset"], "1");
    assert.equal(second?.headers["key"], undefined);
  });

  it("keeps what an event in Flume's format has, and deals with records that are none", async () => {
    const topic = await suite().topic();
    const sink = kafkaSink(suite().context(), { topic, useFlumeEventFormat: true, allowTopicOverride: false });
    await sink.start();
    const own = Object.assign(copyHeaders(), { timestamp: "7", topic: "elsewhere", offset: "x", key: "k" });
    await sink.write(batchOf([createEvent(Buffer.from("good"), own)]), NEVER);
    await sink.stop();
    await write(suite(), topic, textBatch("plain text"));
    for (const malformed of ["drop", "raw", "block"] as const) {
      const context = suite().context();
      const source = kafkaSource(context, { topics: topic, groupId: malformed, useFlumeEventFormat: true, malformed });
      const out = new TestOutlet();
      await source.start(out);
      if (malformed === "block") {
        await eventually(() => reported(context, "FLUME_KAFKA_RECORDS_UNREADABLE"), { within: 20_000, what: "report" });
        assert.equal(out.events, 0);
      } else {
        await eventually(() => out.events === (malformed === "drop" ? 1 : 2), { within: 20_000, what: malformed });
        await eventually(async () => (await suite().committed(malformed, topic))[0] === 2, { what: "the offset" });
        // What was wanted so is no trouble.
        assert.equal(reported(context, "FLUME_KAFKA_RECORDS_UNREADABLE"), undefined);
      }
      await source.stop();
      if (malformed === "drop") assert.ok(context.lines.some((line) => /offset 1 on .* Dropped/.test(line)));
      const [first, second] = out.accepted.flatMap((batch) => [...batch]);
      if (malformed !== "block") {
        const { timestamp, topic: where, offset, partition, key } = first?.headers ?? {};
        assert.deepEqual([timestamp, where, offset, partition, key], ["7", "elsewhere", "x", "0", "k"]);
      }
      assert.equal(second?.body.toString(), malformed === "raw" ? "plain text" : undefined);
      if (malformed === "block") assert.deepEqual(await suite().committed(malformed, topic), [-1]);
    }
  });

  it("a record that waits for a person is not passed over by a stop", async () => {
    const topic = await suite().topic();
    await write(suite(), topic, textBatch("plain text"));
    const context = suite().context();
    const settings = { topics: topic, groupId: "patient", useFlumeEventFormat: true };
    const source = kafkaSource(context, { ...settings, malformed: "block" });
    await source.start(new TestOutlet());
    await eventually(() => reported(context, "FLUME_KAFKA_RECORDS_UNREADABLE"), { within: 20_000, what: "report" });
    await source.stop();
    assert.deepEqual(await suite().committed("patient", topic), [-1]);
    const next = kafkaSource(suite().context(), { ...settings, malformed: "raw" });
    const out = new TestOutlet();
    await next.start(out);
    await eventually(() => out.events === 1, { within: 20_000, what: "the record" });
    await next.stop();
    assert.deepEqual(out.bodies, ["plain text"]);
  });

  it("commits after delivery, up to the first that is not delivered, and delivers that again", async () => {
    const topic = await suite().topic();
    await write(suite(), topic, numberBatch(0, 40));
    const context = suite().context();
    const settings = {
      topics: topic,
      groupId: "careful",
      batchSize: 10,
      backoffSleepIncrement: 50,
      maxBackoffSleep: 50,
    };
    const source = kafkaSource(context, settings);
    const out = new TestOutlet();
    out.rejections.push(undefined, ...Array.from({ length: 1_000 }, () => channelFull(1, 1)));
    await source.start(out);
    await eventually(async () => (await suite().committed("careful", topic))[0] === 10, {
      within: 20_000,
      what: "first commit",
    });
    // However often the rest is tried: what the channel has not taken is not committed.
    await eventually(() => out.tried.length >= 10, { within: 20_000, what: "attempts" });
    assert.deepEqual([out.events, await suite().committed("careful", topic)], [10, [10]]);
    out.rejections.length = 0;
    await eventually(() => out.events === 40, { within: 20_000, what: "all events" });
    assert.deepEqual(out.bodies, numbers(0, 40));
    await eventually(async () => (await suite().committed("careful", topic))[0] === 40, { what: "last commit" });
    await source.stop();
    assert.ok(reported(context, "FLUME_CHANNEL_FULL"));
    assert.equal(context.reports.at(-1), undefined);
  });

  it("begins again where it stopped, with what was not accepted", async () => {
    const topic = await suite().topic();
    await write(suite(), topic, numberBatch(0, 30));
    const settings = {
      topics: topic,
      groupId: "restart",
      batchSize: 10,
      backoffSleepIncrement: 10_000,
      maxBackoffSleep: 10_000,
    };
    const first = kafkaSource(suite().context(), settings);
    const before = new TestOutlet();
    before.rejections.push(undefined, channelFull(1, 1));
    await first.start(before);
    await eventually(() => before.events === 10, { within: 20_000 });
    await first.stop();
    const second = kafkaSource(suite().context(), settings);
    const after = new TestOutlet();
    await second.start(after);
    await eventually(() => after.events === 20, { within: 20_000 });
    await second.stop();
    assert.deepEqual([...before.bodies, ...after.bodies], numbers(0, 30));
  });

  it("begins with the latest record once for the whole group: the next member misses nothing", async () => {
    const topic = await suite().topic();
    await write(suite(), topic, numberBatch(0, 5));
    const settings = { topics: topic, groupId: "latest", autoOffsetReset: "latest" } as const;
    const first = kafkaSource(suite().context(), settings);
    await first.start(new TestOutlet());
    await eventually(async () => (await suite().committed("latest", topic))[0] === 5, {
      within: 20_000,
      what: "the beginning",
    });
    await first.stop();
    await write(suite(), topic, numberBatch(5, 5));
    const second = kafkaSource(suite().context(), settings);
    const out = new TestOutlet();
    await second.start(out);
    await eventually(() => out.events === 5, { within: 20_000, what: "what came between" });
    await second.stop();
    assert.deepEqual(out.bodies, numbers(5, 5));
  });

  it("shares partitions with another member, gives them back, and a late commit of a revoked one fails", async () => {
    const topic = await suite().topic(4);
    const batches = Array.from({ length: 8 }, (_, i) => numberBatch(i * 10, 10));
    await write(suite(), topic, ...batches);
    const quick = [
      { property: "session.timeout.ms", value: "10000" },
      { property: "heartbeat.interval.ms", value: "200" },
      // What is under way holds the rebalance up for half of this at most.
      { property: "max.poll.interval.ms", value: "1000" },
    ];
    const settings = { topics: topic, groupId: "shared", batchSize: 10, consumerProperties: quick, maxInFlight: 2 };
    const context = suite().context("first");
    const first = kafkaSource(context, settings);
    const stuck = new TestOutlet();
    let release = (): void => undefined;
    stuck.gate = new Promise<void>((resolve) => (release = resolve));
    await first.start(stuck);
    await eventually(() => stuck.underWay === 2, { within: 20_000, what: "deliveries under way" });

    const second = kafkaSource(suite().context("second"), settings);
    const free = new TestOutlet();
    await second.start(free);
    // It gets its part of the partitions although the first one does not let go of what it has under way.
    await eventually(() => free.events > 0, { within: 30_000, what: "events of the second member" });
    release();
    stuck.gate = undefined;
    const all = () => new Set([...stuck.bodies, ...free.bodies]);
    await eventually(() => all().size === 80, { within: 30_000, what: "all events" });
    await eventually(() => context.lines.some((line) => /another member/.test(line)), {
      what: "refusal of the late commit",
    });
    const twice = stuck.events + free.events - 80;
    assert.ok(twice >= 0 && twice <= 20, `${twice} events twice: no more than were under way`);

    await first.stop();
    await write(suite(), topic, numberBatch(100, 10), numberBatch(110, 10), numberBatch(120, 10), numberBatch(130, 10));
    await eventually(() => free.bodies.filter((body) => Number(body) >= 100).length === 40, {
      within: 30_000,
      what: "the rest",
    });
    await second.stop();
  });

  it("a rebalance ends the gathering of a batch: what there is goes on at once, and is committed before it", async () => {
    const topic = await suite().topic();
    await write(suite(), topic, numberBatch(0, 7));
    const settings = {
      ...{ topics: topic, groupId: "gathers", batchSize: 5, batchDurationMillis: 600_000 },
      consumerProperties: QUICK,
    };
    const context = suite().context("first");
    const first = kafkaSource(context, settings);
    const out = new TestOutlet();
    await first.start(out);
    // A batch of five is full; two are in hand and wait for more.
    await eventually(() => out.events === 5, { within: 20_000, what: "a full batch" });
    await eventually(() => context.counters.get("KafkaLag") === 0, { within: 20_000, what: "two in hand" });
    assert.equal(context.counters.get("KafkaPartitionCount"), 1);
    const other = kafkaSource(suite().context("second"), { ...settings, topics: await suite().topic() });
    await other.start(new TestOutlet());
    await eventually(() => out.events === 7, { within: 30_000, what: "what was in hand" });
    await write(suite(), topic, numberBatch(7, 5));
    await eventually(() => out.events === 12, { within: 30_000, what: "the next batch" });
    await eventually(async () => (await suite().committed("gathers", topic))[0] === 12, { what: "the last offset" });
    await Promise.all([first.stop(), other.stop()]);
    assert.deepEqual(out.bodies, numbers(0, 12));
  });

  it("reads topics by pattern, new ones too", async () => {
    await suite().createTopic("pattern-a");
    await write(suite(), "pattern-a", textBatch("1"));
    const source = kafkaSource(suite().context(), {
      topicsRegex: "(?i)PATTERN-[ab]",
      consumerProperties: [{ property: "metadata.max.age.ms", value: "300" }],
    });
    const out = new TestOutlet();
    await source.start(out);
    await eventually(() => out.events === 1, { within: 20_000 });
    for (const topic of ["pattern-b", "pattern-c"]) await suite().createTopic(topic);
    await write(suite(), "pattern-c", textBatch("3"));
    await write(suite(), "pattern-b", textBatch("2"));
    await eventually(() => out.events === 2, { within: 20_000, what: "event of the new topic" });
    await source.stop();
    assert.deepEqual(sorted(out.bodies), ["1", "2"]);
  });

  it("leaves out aborted transactions when committed records are wanted", async () => {
    const topic = await suite().topic();
    const producer = suite().kafka.producer({ transactionalId: "tx", maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    for (const [value, end] of [
      ["1", "commit"],
      ["2", "abort"],
      ["3", "commit"],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value }, { value }] });
      await transaction[end]();
    }
    await producer.disconnect();
    const read = async (level: string, events: number): Promise<string[]> => {
      const consumerProperties = [{ property: "isolation.level", value: level }];
      const source = kafkaSource(suite().context(), { topics: topic, groupId: level, consumerProperties });
      const out = new TestOutlet();
      await source.start(out);
      await eventually(() => out.events === events, { within: 20_000, what: level });
      await source.stop();
      return out.bodies;
    };
    assert.deepEqual(await read("read_committed", 4), ["1", "1", "3", "3"]);
    assert.deepEqual(await read("read_uncommitted", 6), ["1", "1", "2", "2", "3", "3"]);
  });

  it("says what is wrong: no topic, a property, no offset", async () => {
    const context = suite().context();
    await assert.rejects(kafkaSource(context, { topics: " , " }).start(new TestOutlet()), {
      code: "FLUME_KAFKA_TOPICS_MISSING",
    });
    const consumerProperties = [{ property: "group.instance.id", value: "a" }];
    await assert.rejects(kafkaSource(context, { topics: "x", consumerProperties }).start(new TestOutlet()), {
      code: "FLUME_KAFKA_PROPERTY_UNSUPPORTED",
    });
    const told = async (
      settings: Parameters<typeof kafkaSource>[1],
      code: HeadraceError["code"],
    ): Promise<HeadraceError> => {
      const own = suite().context();
      const one = kafkaSource(own, settings);
      await one.start(new TestOutlet());
      const error = await eventually(() => reported(own, code), { within: 30_000, what: code });
      await one.stop();
      return error;
    };
    await told({ topics: "no topic" }, "FLUME_KAFKA_TOPIC_INVALID");
    const topic = await suite().topic();
    const long = [{ property: "session.timeout.ms", value: "100000000" }];
    const range = await told({ topics: topic, consumerProperties: long }, "FLUME_KAFKA_PROPERTY_VALUE");
    assert.match(range.message, /session.timeout.ms is "100000000".*group.max.session/);
    const alone = kafkaSource(suite().context(), { topics: topic, groupId: "mixed" });
    await alone.start(new TestOutlet());
    await eventually(async () => (await suite().admin.describeGroups(["mixed"])).groups[0]?.state === "Stable", {
      within: 20_000,
      what: "the first member",
    });
    const inTurn = [{ property: "partition.assignment.strategy", value: "RoundRobinAssignor" }];
    const mixed = await told(
      { topics: topic, groupId: "mixed", consumerProperties: inTurn },
      "FLUME_KAFKA_GROUP_MIXED",
    );
    assert.match(mixed.message, /Group mixed/);
    await alone.stop();
    const source = kafkaSource(context, { topics: topic, groupId: "none", autoOffsetReset: "none" });
    await source.start(new TestOutlet());
    await eventually(() => reported(context, "FLUME_KAFKA_NO_OFFSET"), { within: 30_000, what: "report" });
    await source.stop();
  });
}
