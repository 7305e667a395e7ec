import { Kafka, logLevel } from "kafkajs";
import { NEVER } from "../lib/engine/delivery";
import { repeatedBatch } from "../lib/engine/batch";
import { createEvent } from "../lib/engine/event";
import { kafkaSink } from "../test/kafka/support/subjects";
import { clusterSettings } from "../test/kafka/support/suite-kafka";
import { type KafkaCluster, kafkaUnavailable, startKafka } from "../test/counterparts/kafka/broker";
import { testContext } from "../test/support/component-context";
import type { FlowNode } from "../test/support/node-red";
import type { Bar, Bench, BenchOptions, Report } from "./bench";
import { rateOf } from "./measure/rate";
import { runRounds, type Side } from "./measure/rounds";
import { comparison, FLUME, memoryBar, named, OURS, ratioBar } from "./report/comparison";
import type { Table } from "./report/table";
import { flumePipeline } from "./sides/flume";
import { nodeRedPipeline } from "./sides/node-red";
import { measure, type Pipeline } from "./sides/pipeline";
import { measureWindow, stressProperties } from "./stress";

const MEMORY = { capacity: 100_000, transactionCapacity: 10_000 };
const NULL = { batchSize: 1_000, logEveryNEvents: 1_000_000_000 };
const FLUME_STRESS = "org.apache.flume.source.StressSource";
/** Milliseconds of the event loop's delay. */
const LATEST_LOOP = 20;

/** Old records go at once, so that a bench cannot fill the disk; there is still far more than is under way. */
const SHORT_LIVED = {
  "log.retention.bytes": "1000000000",
  "log.segment.bytes": "200000000",
  "log.retention.check.interval.ms": "1000",
  "log.segment.delete.delay.ms": "100",
};

export const kafka: Bench = {
  about:
    "stress → memory → Kafka sink; Kafka source → memory → null; stress → Kafka channel → null (100 and 1,000 bytes)",
  async run(options) {
    const reason = await kafkaUnavailable();
    if (reason !== undefined) {
      options.say(`without Kafka: ${reason}`);
      return { tables: [], bars: [] };
    }
    const cluster = await startKafka({ heap: "1g", properties: SHORT_LIVED });
    try {
      return await new KafkaRounds(cluster, options).run();
    } finally {
      await cluster.stop();
    }
  },
};

class KafkaRounds {
  readonly #cluster: KafkaCluster;
  readonly #options: BenchOptions;
  readonly #tables: Table[] = [];
  readonly #bars: Bar[] = [];
  #topics = 0;

  constructor(cluster: KafkaCluster, options: BenchOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  async run(): Promise<Report> {
    for (const size of [100, 1_000]) {
      await this.#compare(`stress, ${size} bytes → memory → Kafka sink (acks=all)`, 1, this.#sinks(size));
      await this.#compare(`Kafka source, ${size} bytes → memory → null`, 1.5, await this.#sources(size));
      await this.#compare(`stress, ${size} bytes → Kafka channel → null`, 1, this.#channels(size));
    }
    return { tables: this.#tables, bars: this.#bars };
  }

  async #compare(title: string, wanted: number, [ours, flume]: readonly [Side, Side]): Promise<void> {
    const { flume: withFlume } = this.#options;
    const sides = await runRounds(withFlume ? [ours, flume] : [ours], this.#options);
    const own = named(sides, OURS);
    const other = named(sides, FLUME);
    this.#tables.push(comparison(title, sides));
    this.#bars.push(
      ratioBar(`${title}: speed beside Flume`, own, other, wanted),
      memoryBar(`${title}: peak memory`, own, other),
      {
        what: `${title}: event-loop delay, p99`,
        wanted: `≤ ${LATEST_LOOP} ms`,
        got: own?.loop ? `${own.loop.p99.toFixed(1)} ms` : "–",
        met: own?.loop ? own.loop.p99 <= LATEST_LOOP : undefined,
      },
    );
  }

  #sinks(size: number): [Side, Side] {
    const write = { batchSize: 1_000, acks: "all" };
    return [
      this.#side(OURS, async (topic) =>
        this.#window(
          await this.#nodeRed(
            node("flume-stress-source", "source", ["channel"], stressProperties(size)),
            node("flume-memory-channel", "channel", ["sink"], MEMORY),
            node("flume-kafka-sink", "sink", [], { cluster: "cluster", topic, ...write }),
          ),
        ),
      ),
      this.#side(FLUME, async (topic) =>
        this.#window(
          await flumePipeline({
            ...{ sources: "r", channels: "c", sinks: "k" },
            ...below("sources.r", { type: FLUME_STRESS, channels: "c", ...stressProperties(size) }),
            ...below("channels.c", { type: "memory", ...MEMORY }),
            ...below("sinks.k", {
              ...{ type: "org.apache.flume.sink.kafka.KafkaSink", channel: "c", ...this.#bootstrap },
              ...{ "kafka.topic": topic, flumeBatchSize: 1_000, "kafka.producer.acks": "all" },
              "kafka.producer.linger.ms": 5,
            }),
          }),
        ),
      ),
    ];
  }

  async #sources(size: number): Promise<[Side, Side]> {
    const total = Math.round((size > 500 ? 400_000 : 2_000_000) * this.#options.scale);
    const topic = await this.#filled(size, total);
    let groups = 0;
    const counted = (pipeline: Pipeline) => measure(pipeline, () => rateOf(total, () => pipeline.taken()));
    const read = { batchSize: 1_000 };
    return [
      {
        name: OURS,
        run: async () =>
          await counted(
            await this.#nodeRed(
              node("flume-kafka-source", "source", ["channel"], {
                ...{ cluster: "cluster", topics: topic, groupId: `${topic}-${++groups}`, autoOffsetReset: "earliest" },
                ...read,
              }),
              node("flume-memory-channel", "channel", ["sink"], MEMORY),
              node("flume-null-sink", "sink", [], NULL),
            ),
          ),
      },
      {
        name: FLUME,
        run: async () =>
          await counted(
            await flumePipeline({
              ...{ sources: "r", channels: "c", sinks: "k" },
              ...below("sources.r", {
                ...{ type: "org.apache.flume.source.kafka.KafkaSource", channels: "c", ...this.#bootstrap, ...read },
                ...{ "kafka.topics": topic, "kafka.consumer.group.id": `${topic}-${++groups}` },
                "kafka.consumer.auto.offset.reset": "earliest",
              }),
              ...below("channels.c", { type: "memory", ...MEMORY }),
              ...below("sinks.k", { type: "null", channel: "c", ...NULL }),
            }),
          ),
      },
    ];
  }

  #channels(size: number): [Side, Side] {
    return [
      this.#side(OURS, async (topic) =>
        this.#window(
          await this.#nodeRed(
            node("flume-stress-source", "source", ["channel"], stressProperties(size)),
            node("flume-kafka-channel", "channel", ["sink"], { cluster: "cluster", topic, groupId: topic }),
            node("flume-null-sink", "sink", [], NULL),
          ),
        ),
      ),
      this.#side(FLUME, async (topic) =>
        this.#window(
          await flumePipeline({
            ...{ sources: "r", channels: "c", sinks: "k" },
            ...below("sources.r", { type: FLUME_STRESS, channels: "c", ...stressProperties(size) }),
            ...below("channels.c", {
              ...{ type: "org.apache.flume.channel.kafka.KafkaChannel", ...this.#bootstrap },
              ...{ "kafka.topic": topic, "kafka.consumer.group.id": topic },
            }),
            ...below("sinks.k", { type: "null", channel: "c", ...NULL }),
          }),
        ),
      ),
    ];
  }

  get #bootstrap(): Record<string, string> {
    return { "kafka.bootstrap.servers": this.#cluster.bootstrap };
  }

  /** With a topic of its own for each round. */
  #side(name: string, run: (topic: string) => Promise<Awaited<ReturnType<Side["run"]>>>): Side {
    return { name, run: async () => await run(await this.#topic()) };
  }

  async #window(pipeline: Pipeline): ReturnType<typeof measureWindow> {
    return await measureWindow(pipeline, this.#options);
  }

  async #nodeRed(...flows: FlowNode[]): Promise<Pipeline> {
    const tab: FlowNode = { id: "tab", type: "tab", label: "Bench" };
    const { bootstrap: brokers } = this.#cluster;
    const cluster: FlowNode = { id: "cluster", type: "flume-kafka-cluster", name: "", brokers, clientId: "bench" };
    return await nodeRedPipeline([tab, cluster, ...flows], this.#options);
  }

  async #topic(): Promise<string> {
    const topic = `bench-${++this.#topics}`;
    const admin = new Kafka({ brokers: this.#cluster.bootstrap.split(","), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    // What the side before has written is of no use any more.
    if (this.#topics > 1) await admin.deleteTopics({ topics: [`bench-${this.#topics - 1}`] }).catch(() => undefined);
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    await admin.disconnect();
    return topic;
  }

  async #filled(size: number, total: number): Promise<string> {
    const topic = await this.#topic();
    const shared = { cluster: clusterSettings(this.#cluster.bootstrap) };
    const sink = kafkaSink(Object.assign(testContext(), { shared }), { topic });
    await sink.start();
    const batch = repeatedBatch(createEvent(Buffer.alloc(size, "a")), 1_000);
    for (let sent = 0; sent < total; sent += 5_000) {
      await Promise.all(Array.from({ length: 5 }, () => sink.write(batch, NEVER)));
    }
    await sink.stop();
    // Kept while its rounds run: the next topic deletes the one before it.
    return topic;
  }
}

function node(type: string, id: string, wires: string[], settings: Readonly<Record<string, unknown>>): FlowNode {
  return { id, type, z: "tab", name: "", wires: [wires], ...settings };
}

function below(name: string, properties: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [`${name}.${key}`, String(value)]));
}
