import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import zlib from "node:zlib";
import { batchOf } from "../../lib/engine/batch.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { copyHeaders, createEvent, type FlumeEvent } from "../../lib/engine/event.js";
import { type FlumeAgent, flumeUnavailable, startFlume } from "../counterparts/flume/agent.js";
import type { CompressionName } from "../../lib/protocols/kafka/records/compression.js";
import { eventually } from "../support/eventually.js";
import { TestOutlet } from "../support/outlets.js";
import { freePort } from "../support/ports.js";
import { skip } from "../support/skip.js";
import { tcpClient } from "../support/tcp-client.js";
import { tempDir, type TempDir } from "../support/temp-dir.js";
import { kafkaChannel, kafkaSink, kafkaSource } from "./support/subjects.js";
import type { SuiteKafka } from "./support/suite-kafka.js";

/** Node has zstd from 22.15 on. */
const CODECS: readonly CompressionName[] = [
  "gzip",
  "snappy",
  "lz4",
  ...("zstdCompress" in zlib ? (["zstd"] as const) : []),
];

const event = (body: string, headers: Record<string, string> = {}): FlumeEvent =>
  createEvent(Buffer.from(body), Object.assign(copyHeaders(), headers));

/** A component's properties below its name. */
const component = (name: string, properties: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(properties).map(([key, value]) => [`${name}.${key}`, value]));

export function flumeTests(suite: () => SuiteKafka): void {
  let folder: TempDir;
  let agent: FlumeAgent;
  let port: number;

  before("start Flume", async function () {
    this.timeout(15 * 60_000);
    const reason = await flumeUnavailable();
    if (reason !== undefined) skip(this, reason);
    folder = await tempDir();
    port = await freePort();
    const bootstrap = { "kafka.bootstrap.servers": suite().cluster.bootstrap };
    for (const topic of [
      "to-flume",
      "channel-to-flume",
      "channel-from-flume",
      ...CODECS.map((codec) => `from-flume-${codec}`),
    ]) {
      await suite().createTopic(topic);
    }
    await suite().createTopic("shared", 2);
    agent = await startFlume({
      heap: "256m",
      logLevel: "warn",
      config: {
        sources: "netcat kafka",
        channels: ["to", "topic", "fromTopic", ...CODECS].join(" "),
        sinks: ["files", "topicFiles", ...CODECS].join(" "),
        // Lines go into four topics, each packed otherwise, and into a Kafka channel.
        ...component("sources.netcat", {
          ...{ type: "netcat", bind: "127.0.0.1", port: String(port), channels: ["fromTopic", ...CODECS].join(" ") },
          ...{
            interceptors: "i",
            "interceptors.i.type": "static",
            "interceptors.i.key": "from",
            "interceptors.i.value": "flume",
          },
        }),
        ...Object.assign(
          {},
          ...CODECS.flatMap((codec) => [
            component(`channels.${codec}`, { type: "memory" }),
            component(`sinks.${codec}`, {
              ...{
                type: "org.apache.flume.sink.kafka.KafkaSink",
                channel: codec,
                useFlumeEventFormat: "true",
                ...bootstrap,
              },
              ...{ "kafka.topic": `from-flume-${codec}`, "kafka.producer.compression.type": codec },
            }),
          ]),
        ),
        ...component("channels.fromTopic", {
          ...{ type: "org.apache.flume.channel.kafka.KafkaChannel", "kafka.topic": "channel-from-flume", ...bootstrap },
          "kafka.consumer.group.id": "flume-writes-only",
        }),
        // What our sink wrote, and what our channel holds, end up in files.
        ...component("sources.kafka", {
          ...{
            type: "org.apache.flume.source.kafka.KafkaSource",
            channels: "to",
            useFlumeEventFormat: "true",
            ...bootstrap,
          },
          ...{
            "kafka.topics": "to-flume,shared",
            "kafka.consumer.group.id": "flume-reads",
            batchDurationMillis: "200",
          },
          "kafka.consumer.auto.offset.reset": "earliest",
        }),
        ...component("channels.to", { type: "memory", capacity: "10000", transactionCapacity: "1000" }),
        ...component("sinks.files", {
          ...{ type: "file_roll", channel: "to", "sink.directory": folder.path, "sink.rollInterval": "0" },
          ...{ "sink.serializer": "header_and_text", "sink.pathManager.prefix": "source-" },
        }),
        ...component("channels.topic", {
          ...{ type: "org.apache.flume.channel.kafka.KafkaChannel", "kafka.topic": "channel-to-flume", ...bootstrap },
          "kafka.consumer.group.id": "flume-takes",
        }),
        ...component("sinks.topicFiles", {
          ...{ type: "file_roll", channel: "topic", "sink.directory": folder.path, "sink.rollInterval": "0" },
          ...{ "sink.serializer": "header_and_text", "sink.pathManager.prefix": "channel-" },
        }),
      },
    });
  });

  after("stop Flume", async function () {
    this.timeout(30_000);
    await agent?.stop();
    await folder?.remove();
  });

  async function lines(prefix: string): Promise<string[]> {
    const names = (await readdir(folder.path)).filter((name) => name.startsWith(prefix));
    const texts = await Promise.all(names.map((name) => readFile(join(folder.path, name), "utf8")));
    return texts.flatMap((text) => text.split("\n").slice(0, -1));
  }

  it("Flume's source reads what the sink wrote, with every codec", async () => {
    for (const compression of CODECS) {
      const sink = kafkaSink(suite().context(), { topic: "to-flume", useFlumeEventFormat: true, compression });
      await sink.start();
      await sink.write(batchOf([event(`packed with ${compression}`, { codec: compression, ü: "ö" })]), NEVER);
      await sink.stop();
    }
    const found = await eventually(
      async () => {
        const all = await lines("source-");
        return all.length === CODECS.length && all;
      },
      { within: 60_000, what: `four lines\n${agent.logs.slice(-10).join("\n")}` },
    );
    for (const [i, codec] of CODECS.entries()) {
      assert.match(found[i] ?? "", new RegExp(`codec=${codec}`));
      assert.match(found[i] ?? "", /ü=ö/);
      assert.match(found[i] ?? "", new RegExp(`packed with ${codec}$`));
    }
  });

  it("the source reads what Flume's sink wrote, with every codec, and the channel what Flume's channel holds", async () => {
    const client = await eventually(() => tcpClient(port), { what: "netcat source of Flume" });
    for (let i = 0; i < 50; i++) assert.equal(await client.ask(`line ${i}`), "OK");
    await client.end();
    const expected = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    for (const codec of CODECS) {
      const source = kafkaSource(suite().context(), {
        topics: `from-flume-${codec}`,
        groupId: codec,
        useFlumeEventFormat: true,
      });
      const out = new TestOutlet();
      await source.start(out);
      await eventually(() => out.events >= 50, { within: 30_000, what: codec });
      await source.stop();
      assert.deepEqual(out.bodies, expected);
      const headers = out.accepted[0]?.at(0).headers ?? {};
      assert.deepEqual([headers["from"], headers["offset"]], ["flume", "0"]);
    }
    const channel = kafkaChannel(suite().context(), { topic: "channel-from-flume", groupId: "ours" });
    await channel.start();
    const consumer = channel.connect({ id: "x", maxLeases: 1 });
    const bodies: string[] = [];
    await eventually(
      async () => {
        const taken = await consumer.take({ events: 1_000, bytes: Infinity }, AbortSignal.timeout(2_000));
        for (const one of taken?.batch ?? []) {
          assert.equal(one.headers["from"], "flume");
          bodies.push(one.body.toString());
        }
        await taken?.commit();
        return bodies.length >= 50;
      },
      { within: 30_000, what: "50 events of Flume's channel" },
    );
    await channel.stop();
    assert.deepEqual(bodies, expected);
  });

  it("Flume takes what the channel holds", async () => {
    const channel = kafkaChannel(suite().context(), { topic: "channel-to-flume", groupId: "not-taken-here" });
    await channel.start();
    const prepared = await channel.prepare(batchOf([event("first", { a: "1" }), event("second", { key: "k" })]), NEVER);
    await prepared.commit();
    await channel.stop();
    const found = await eventually(
      async () => {
        const all = await lines("channel-");
        return all.length === 2 && all;
      },
      { within: 60_000, what: `two lines\n${agent.logs.slice(-10).join("\n")}` },
    );
    assert.deepEqual(found, ["{a=1} first", "{key=k} second"]);
  });

  it("an agent of Flume and the source share one group", async () => {
    // The agent is alone in its group and has both partitions; a second member leaves it one of them.
    const source = kafkaSource(suite().context(), {
      ...{ topics: "shared", groupId: "flume-reads", useFlumeEventFormat: true },
      consumerProperties: [{ property: "heartbeat.interval.ms", value: "500" }],
    });
    const out = new TestOutlet();
    await source.start(out);
    const { members } = await eventually(
      async () => {
        const { groups } = await suite().admin.describeGroups(["flume-reads"]);
        const [group] = groups;
        return group?.state === "Stable" && group.members.length === 2 && group;
      },
      { within: 30_000, what: "a group of two" },
    );
    assert.equal(members.length, 2);
    const before = (await lines("source-")).length;
    const sink = kafkaSink(suite().context(), { topic: "shared", useFlumeEventFormat: true, partitionIdHeader: "p" });
    await sink.start();
    await sink.write(batchOf([event("zero", { p: "0" }), event("one", { p: "1" })]), NEVER);
    await sink.stop();
    await eventually(async () => out.events + (await lines("source-")).length - before === 2, {
      within: 60_000,
      what: "both events, one each",
    });
    assert.equal(out.events, 1);
    await source.stop();
  });
}
