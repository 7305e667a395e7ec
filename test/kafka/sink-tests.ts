import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import net, { type AddressInfo } from "node:net";
import { batchOf } from "../../lib/engine/batch.js";
import { Counters } from "../../lib/engine/counters.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { isDeliveryError } from "../../lib/engine/errors.js";
import { copyHeaders, createEvent, type FlumeEvent } from "../../lib/engine/event.js";
import { RefusalExit } from "../../lib/engine/refusal.js";
import { SinkInlet } from "../../lib/engine/sink-inlet.js";
import { readFlumeEvent } from "../../lib/formats/flume-avro-event.js";
import { COMPRESSION_NAMES } from "../../lib/protocols/kafka/records/compression.js";
import { partitionOfKey } from "../../lib/protocols/kafka/records/murmur2.js";
import { textBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { TestInlet } from "../support/inlets.js";
import { TestOutlet } from "../support/outlets.js";
import { skip } from "../support/skip.js";
import { kafkaSink, kafkaSource } from "./support/subjects.js";
import type { SuiteKafka } from "./support/suite-kafka.js";

const event = (body: string, headers: Record<string, string> = {}): FlumeEvent =>
  createEvent(Buffer.from(body), Object.assign(copyHeaders(), headers));

export function sinkTests(suite: () => SuiteKafka): void {
  it("writes key, timestamp, mapped headers and the body, each where Java would", async () => {
    const topic = await suite().topic(5);
    const sink = kafkaSink(suite().context(), {
      topic,
      timestampHeader: "time",
      headers: [{ flumeHeader: "host", kafkaHeader: "from" }],
    });
    await sink.start();
    const before = Date.now();
    const events = Array.from({ length: 20 }, (_, i) =>
      event(`body ${i}`, { key: `k${i}`, time: "1000", host: "ä", x: "y" }),
    );
    await sink.write(batchOf([...events, event("no key", { time: "soon" })]), NEVER);
    await sink.stop();
    const records = await suite().read(topic);
    assert.equal(records.length, 21);
    for (const { key, value, partition, timestamp, headers } of records) {
      if (key === null) {
        assert.equal(value?.toString(), "no key");
        assert.ok(timestamp >= before);
        assert.deepEqual(headers, {});
        continue;
      }
      assert.equal(value?.toString(), `body ${key.slice(1)}`);
      assert.equal(partition, partitionOfKey(Buffer.from(key), 5));
      assert.equal(timestamp, 1000);
      assert.deepEqual(headers, { from: "ä" });
    }
  });

  it("writes Flume's own format", async () => {
    const topic = await suite().topic();
    const sink = kafkaSink(suite().context(), { topic, useFlumeEventFormat: true });
    await sink.start();
    await sink.write(batchOf([event("body", { a: "1", key: "k" })]), NEVER);
    await sink.stop();
    const [record] = await suite().read(topic);
    const { headers, body } = readFlumeEvent(record?.value ?? Buffer.alloc(0));
    assert.deepEqual([{ ...headers }, body.toString(), record?.key], [{ a: "1", key: "k" }, "body", "k"]);
  });

  for (const compression of COMPRESSION_NAMES.filter((name) => name === "none" || name === "gzip")) {
    it(`what other clients read: ${compression}`, async () => {
      const topic = await suite().topic();
      const sink = kafkaSink(suite().context(), { topic, compression });
      await sink.start();
      await sink.write(textBatch(...Array.from({ length: 3_000 }, (_, i) => `line ${i}`)), NEVER);
      await sink.stop();
      const bodies = (await suite().read(topic)).map(({ value }) => value?.toString());
      assert.deepEqual(
        bodies,
        Array.from({ length: 3_000 }, (_, i) => `line ${i}`),
      );
    });
  }

  it("sends events to the topics and partitions that their headers name, and refuses what cannot be", async () => {
    const topic = await suite().topic(2);
    const other = await suite().topic(1);
    const sink = kafkaSink(suite().context(), {
      topic,
      defaultPartitionId: 1,
      partitionIdHeader: "p",
      allowedTopics: "(?i)TOPIC-\\d+",
    });
    await sink.start();
    const bad = batchOf([
      event("ok"),
      event("partition", { p: "7" }),
      event("no number", { p: "x" }),
      event("not allowed", { topic: "secret" }),
      event("no topic", { topic: "../x" }),
      event("too large".repeat(200_000)),
    ]);
    await assert.rejects(sink.write(bad, NEVER), (error) => {
      assert.ok(isDeliveryError(error));
      assert.equal(error.outcome, "none");
      const codes = [...(error.refused ?? [])].map(([index, reason]) => `${index} ${reason.code}`);
      assert.deepEqual(codes.toSorted(), [
        "1 FLUME_KAFKA_PARTITION_INVALID",
        "2 FLUME_KAFKA_PARTITION_INVALID",
        "3 FLUME_KAFKA_TOPIC_INVALID",
        "4 FLUME_KAFKA_TOPIC_INVALID",
        "5 FLUME_KAFKA_MESSAGE_TOO_LARGE",
      ]);
      return true;
    });
    assert.deepEqual(await suite().read(topic), []);
    await sink.write(batchOf([event("a"), event("b", { p: "0" }), event("c", { topic: other, p: "0" })]), NEVER);
    await sink.stop();
    const seen = [...(await suite().read(topic)), ...(await suite().read(other))];
    assert.deepEqual(
      seen.map(({ partition, value }) => `${partition} ${value?.toString()}`),
      ["0 b", "1 a", "0 c"],
    );
  });

  it("finds the one event that the topic does not take, and cuts batches to what it takes", async () => {
    const topic = await suite().topic(1, [{ name: "max.message.bytes", value: "20000" }]);
    const sink = kafkaSink(suite().context(), { topic });
    await sink.start();
    await assert.rejects(sink.write(batchOf([event("x".repeat(50_000))]), NEVER), (error) => {
      assert.ok(isDeliveryError(error));
      assert.deepEqual([...(error.refused?.keys() ?? [])], [0]);
      return error.code === "FLUME_KAFKA_MESSAGE_TOO_LARGE";
    });
    const batch = textBatch(...Array.from({ length: 100 }, () => "y".repeat(1_000)));
    await sink.write(batch, NEVER);
    await sink.stop();
    assert.equal((await suite().read(topic)).length, 100);
  });

  it("lets the one event out that the topic does not take, and writes no other of its batch twice", async () => {
    const topic = await suite().topic(2, [{ name: "max.message.bytes", value: "20000" }]);
    const sink = kafkaSink(suite().context(), { topic, partitionIdHeader: "p" });
    await sink.start();
    const deadLetter = new TestInlet("dead");
    const counters = new Counters();
    const inlet = new SinkInlet("sink", sink, counters, new RefusalExit("port", "sink", counters, () => [deadLetter]));
    inlet.open();
    const tooLarge = "x".repeat(50_000);
    const batch = batchOf([
      event("a", { p: "0" }),
      event("b", { p: "1" }),
      event(tooLarge, { p: "1" }),
      event("c", { p: "1" }),
    ]);
    await (await inlet.prepare(batch, NEVER)).commit();
    await inlet.close();
    await sink.stop();
    assert.deepEqual(deadLetter.bodies, [tooLarge]);
    const seen = (await suite().read(topic)).map(({ partition, value }) => `${partition} ${value?.toString()}`);
    assert.deepEqual(seen.toSorted(), ["0 a", "1 b", "1 c"]);
  });

  it("tells what is wrong when it cannot start: port, address, property", async () => {
    const start = (settings: Parameters<typeof kafkaSink>[1], cluster = {}) =>
      kafkaSink(suite().context("x", cluster), { topic: "t", ...settings }).start();
    await assert.rejects(start({}, { brokers: "127.0.0.1:1" }), { code: "FLUME_KAFKA_UNREACHABLE" });
    await assert.rejects(start({}, { useTls: true }), { code: "FLUME_KAFKA_TLS" });
    await assert.rejects(start({}, { mechanism: "PLAIN", username: "a", password: "b" }), {
      code: "FLUME_KAFKA_NO_SASL",
    });
    await assert.rejects(start({ producerProperties: [{ property: "transactional.id", value: "x" }] }), {
      code: "FLUME_KAFKA_PROPERTY_UNSUPPORTED",
    });
  });

  it("takes settings from the list of Java's properties, which beat the fields", () => {
    const producerProperties = [{ property: "max.in.flight.requests.per.connection", value: "1" }];
    assert.equal(kafkaSink(suite().context(), { topic: "t", producerProperties }).maxInFlight, 1);
    assert.equal(kafkaSink(suite().context(), { topic: "t" }).maxInFlight, 5);
  });

  it("reaches brokers by an address of IP version 6", async function () {
    const server = net.createServer((client) => {
      const broker = net.connect(Number(suite().brokers.split(":")[1]), "127.0.0.1");
      for (const [socket, other] of [[client, broker] as const, [broker, client] as const]) {
        socket.on("error", () => other.destroy()).pipe(other);
      }
    });
    server.listen(0, "::1");
    try {
      await once(server, "listening");
    } catch (error) {
      skip(this, `no ::1 on this machine (${String(error)})`);
    }
    const { port } = server.address() as AddressInfo;
    const topic = await suite().topic();
    const sink = kafkaSink(suite().context("x", { brokers: `[::1]:${port}` }), { topic });
    await sink.start();
    await sink.write(textBatch("x"), NEVER);
    await sink.stop();
    server.close();
    assert.equal((await suite().read(topic)).length, 1);
    await assert.rejects(kafkaSink(suite().context("x", { brokers: "[::1]:1" }), { topic }).start(), {
      code: "FLUME_KAFKA_UNREACHABLE",
      message: /at \[::1\]:1:/,
    });
  });

  it("a server of something else is no broker, and one that accepts and says nothing does not hide the next in the list", async () => {
    const web = createServer((_, response) => response.end("hello"));
    const silent = net.createServer(() => undefined);
    const [speaking = "", mute = ""] = await Promise.all(
      [web, silent].map(async (server) => {
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
        return `127.0.0.1:${(server.address() as AddressInfo).port}`;
      }),
    );
    try {
      const start = (brokers: string) => kafkaSink(suite().context("x", { brokers }), { topic: "t" }).start();
      await assert.rejects(start(speaking), { code: "FLUME_KAFKA_UNREACHABLE" });
      const topic = await suite().topic();
      const brokers = `${mute},${suite().brokers}`;
      const sink = kafkaSink(suite().context("x", { brokers }), { topic });
      const source = kafkaSource(suite().context("y", { brokers }), { topics: topic, groupId: "not-mute" });
      const out = new TestOutlet();
      await Promise.all([
        sink.start(),
        source.start(out),
        assert.rejects(start(mute), { code: "FLUME_KAFKA_UNREACHABLE", message: /no answer within 10 s/ }),
      ]);
      await sink.write(textBatch("x"), NEVER);
      await eventually(() => out.events === 1, { within: 20_000, what: "the event" });
      await Promise.all([sink.stop(), source.stop()]);
    } finally {
      web.close();
      silent.close();
    }
  });
}
