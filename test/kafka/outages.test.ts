import assert from "node:assert/strict";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../../lib/engine/delivery.js";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { numberBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { fileRoll, memory, nullSink, seq, stress, tab } from "../support/flow-nodes.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { TestOutlet } from "../support/outlets.js";
import { useTempDir } from "../support/temp-dir.js";
import { missingTopicTests } from "./missing-topic-tests.js";
import { OFFSET_COMMIT } from "./support/kafka-proxy.js";
import { kafkaSink, kafkaSource } from "./support/subjects.js";
import { useKafka } from "./support/suite-kafka.js";

/** How long the broker is gone, in seconds; the promise is two minutes. */
const OUTAGE = Number(process.env["HEADRACE_KAFKA_OUTAGE"] ?? 12);
const MB = 1e6;

const node = (type: string, id: string, wires: string[][], settings: Record<string, unknown>): FlowNode => ({
  ...{ id, type, z: "tab", name: "", wires },
  ...settings,
});
const source = (id: string, to: string[], topics: string, settings: Record<string, unknown> = {}): FlowNode =>
  node("flume-kafka-source", id, [to], {
    ...{ cluster: "cluster", topics, groupId: topics, autoOffsetReset: "earliest", batchDurationMillis: 50 },
    ...{ consumerProperties: QUICK, ...settings },
  });

const QUICK = [
  { property: "session.timeout.ms", value: "2000" },
  { property: "heartbeat.interval.ms", value: "300" },
  { property: "metadata.max.age.ms", value: "1000" },
];
/** The same, but on a machine that is busy for a moment its member is not given up, which would bring repetitions. */
const PATIENT = QUICK.map(({ property, value }) => ({
  property,
  value: property === "session.timeout.ms" ? "8000" : value,
}));

describe("Kafka: one broker that is held up, has no such topic, or is gone", function () {
  this.timeout(90_000 + OUTAGE * 1_000);
  const suite = useKafka({
    proxied: true,
    properties: { "auto.create.topics.enable": "false", "group.min.session.timeout.ms": "1000" },
  });
  const temp = useTempDir();
  const running: NodeRed[] = [];
  const cluster = (): FlowNode => ({
    ...{ id: "cluster", type: "flume-kafka-cluster", name: "" },
    ...{ brokers: suite().brokers, clientId: "headrace", mechanism: "none" },
  });
  const start = async (flows: FlowNode[], options: Parameters<typeof NodeRed.start>[0] = {}): Promise<NodeRed> => {
    const nodeRed = await NodeRed.start({ ...options, flows: [tab(), cluster(), ...flows] });
    running.push(nodeRed);
    return nodeRed;
  };
  const counter = async (nodeRed: NodeRed, name: string, counted: string): Promise<number> => {
    const metrics = await nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
    return Number(metrics[name]?.[counted] ?? 0);
  };
  const folder = async (name: string): Promise<string> => {
    const path = temp().file(name);
    await mkdir(path);
    return path;
  };
  const linesIn = async (path: string): Promise<string[]> => {
    const texts = await Promise.all((await readdir(path)).map((name) => readFile(join(path, name), "utf8")));
    return texts.flatMap((text) => text.split("\n").slice(0, -1));
  };

  afterEach(async () => {
    for (const nodeRed of running.splice(0)) await nodeRed.kill();
    suite().proxy?.release();
    for (const broker of suite().cluster.brokers) await broker.start();
  });

  missingTopicTests(suite);

  it("a broker that gives an address where nobody answers: that address is told, and all goes on once somebody does", async () => {
    const proxy = suite().proxy ?? assert.fail();
    const topic = await suite().topic();
    const writer = kafkaSink(suite().context(), { topic });
    await writer.start();
    await writer.write(numberBatch(0, 1), NEVER);
    await writer.stop();
    // Straight to the broker; what it tells of itself is the proxy's address.
    const context = suite().context("reader", { brokers: `127.0.0.1:${proxy.target}` });
    const reader = kafkaSource(context, { topics: topic, groupId: topic, consumerProperties: QUICK });
    const out = new TestOutlet();
    proxy.refuse(true);
    try {
      await reader.start(out);
      await eventually(
        () => {
          const latest = context.reports.at(-1);
          return isHeadraceError(latest) && latest.code === "FLUME_KAFKA_ADVERTISED" && latest;
        },
        { within: 30_000, what: "the address" },
      ).then(({ message }) => assert.ok(message.includes(suite().brokers), message));
    } finally {
      proxy.refuse(false);
    }
    await eventually(() => out.events === 1 && context.reports.at(-1) === undefined, {
      within: 30_000,
      what: "the event, and the end of the trouble",
    });
    await reader.stop();
  });

  it("a process that dies between the channel's commit and that of the offsets: what was under way comes twice, no more", async () => {
    const proxy = suite().proxy ?? assert.fail();
    const topic = await suite().topic();
    const userDir = await folder("user");
    const out = await folder("out");
    const writer = kafkaSink(suite().context(), { topic });
    await writer.start();
    await writer.write(numberBatch(0, 50), NEVER);
    // Two parcels of ten may be delivered and not committed; the channel keeps them on disk.
    const flow = (to: string[]) => [
      source("source", ["channel"], topic, { batchSize: 10, maxInFlight: 2, consumerProperties: PATIENT }),
      node("flume-file-channel", "channel", [to], {
        capacity: 1_000,
        transactionCapacity: 100,
        minimumRequiredSpace: 1_048_576,
      }),
      fileRoll("files", out),
    ];
    const put = (nodeRed: NodeRed) => counter(nodeRed, "CHANNEL.channel", "EventPutSuccessCount");
    const doomed = await start(flow([]), { userDir });
    await eventually(async () => (await suite().committed(topic, topic))[0] === 50, { within: 30_000 });
    proxy.hold(OFFSET_COMMIT);
    await writer.write(numberBatch(50, 50), NEVER);
    await writer.stop();
    await eventually(async () => proxy.held > 0 && (await put(doomed)) === 70, { within: 20_000, what: "two parcels" });
    // Nothing more is read while they wait for their commit.
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(await put(doomed), 70);
    await doomed.kill();
    await eventually(() => proxy.held === 0, { what: "end of the connections" });
    proxy.release();
    assert.deepEqual(await suite().committed(topic, topic), [50], "the offsets never arrived");

    await start(flow(["files"]), { userDir });
    await eventually(async () => (await linesIn(out)).length >= 120, { within: 40_000, what: "all events" });
    await new Promise((resolve) => setTimeout(resolve, 500));
    const lines = (await linesIn(out)).map(Number);
    const twice = lines.filter((number, i) => lines.indexOf(number) !== i).toSorted((a, b) => a - b);
    assert.deepEqual(
      [...new Set(lines)].toSorted((a, b) => a - b),
      [...numberBatch(0, 100)].map((_, i) => i),
    );
    assert.deepEqual(
      twice,
      Array.from({ length: 20 }, (_, i) => 50 + i),
    );
  });

  it("a topic that nobody has made: each node is red and names it, and goes on by itself once it is there", async () => {
    const total = 2_000;
    const [first, second] = ["not-made-yet", "channel-not-made-yet"];
    const [fromTopic, fromChannel] = [await folder("from-topic"), await folder("from-channel")];
    const nodeRed = await start([
      seq("seq", ["memory"], { batchSize: 50, totalEvents: total }),
      memory("memory", ["sink"], { capacity: 200, transactionCapacity: 100 }),
      node("flume-kafka-sink", "sink", [], { cluster: "cluster", topic: first, acks: "all", batchSize: 50 }),
      source("source", ["fromTopic"], first),
      fileRoll("fromTopic", fromTopic),
      seq("more", ["channel"], { batchSize: 50, totalEvents: total }),
      node("flume-kafka-channel", "channel", [["fromChannel"]], {
        ...{ cluster: "cluster", topic: second, groupId: second, consumerProperties: QUICK },
      }),
      fileRoll("fromChannel", fromChannel),
    ]);
    for (const [id, topic] of [
      ["source", first],
      ["channel", second],
      // The sink's channel shows what its deliveries run into; the sink itself stands ready.
      ["memory", first],
    ] as const) {
      const named = new RegExp(`\\[error\\] \\[[a-z-]+:${id}\\].*no topic ${topic}`);
      await nodeRed.waitForLog(named, { within: 30_000 });
      await nodeRed.comms.waitForStatus(id, ({ fill }) => fill === "red", { within: 20_000 });
    }
    for (const topic of [first, second]) await suite().createTopic(topic, 2);
    for (const path of [fromTopic, fromChannel]) {
      await eventually(async () => new Set(await linesIn(path)).size === total, {
        within: 40_000,
        every: 100,
        what: `all events in ${path}`,
      });
    }
    for (const id of ["source", "channel", "memory"]) {
      await nodeRed.comms.waitForStatus(id, ({ fill }) => fill !== "red", { within: 20_000 });
    }
  });

  it(`a broker that is gone for ${OUTAGE} s under load: memory stays, and everything goes on`, async () => {
    const [toSink, inChannel] = [await suite().topic(2), await suite().topic(2)];
    // Far more under way than may be kept: it is not the source that holds back.
    const load = {
      ...{ size: 500, batchSize: 500, maxTotalEvents: 2_000_000_000, maxEventsPerSecond: 20_000 },
      maxInFlight: 1_000,
    };
    const nodeRed = await start(
      [
        stress("stress", ["memory"], load),
        memory("memory", ["sink"], { capacity: 10_000, transactionCapacity: 1_000 }),
        node("flume-kafka-sink", "sink", [], { cluster: "cluster", topic: toSink, acks: "all", batchSize: 500 }),
        stress("more", ["channel"], load),
        node("flume-kafka-channel", "channel", [["null"]], {
          ...{ cluster: "cluster", topic: inChannel, groupId: inChannel, consumerProperties: QUICK },
        }),
        nullSink("null"),
        source("source", ["other"], toSink),
        nullSink("other"),
      ],
      { nodeArgs: ["--expose-gc"] },
    );
    const done = async (): Promise<number[]> => [
      await counter(nodeRed, "CHANNEL.memory", "EventTakeSuccessCount"),
      await counter(nodeRed, "CHANNEL.channel", "EventTakeSuccessCount"),
      await counter(nodeRed, "SOURCE.source", "EventAcceptedCount"),
    ];
    const inUse = async (): Promise<number> => {
      const { memory: used } = await nodeRed.probe({ collect: true });
      return (used.heapUsed + used.external) / MB;
    };
    const flowing = async (before: readonly number[]): Promise<number[]> =>
      await eventually(
        async () => {
          const now = await done();
          return now.every((count, i) => count > (before[i] ?? 0) + 5_000) && now;
        },
        { within: 60_000, every: 200, what: "events through all three" },
      );
    await flowing(await flowing([0, 0, 0]));
    const before = await inUse();
    const [broker] = suite().cluster.brokers;
    await broker?.kill();
    const samples: number[] = [];
    for (const end = Date.now() + OUTAGE * 1_000; Date.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(500, OUTAGE * 10)));
      samples.push(await inUse());
    }
    const stalled = await done();
    await broker?.start();
    const back = Date.now();
    await flowing(stalled);
    const most = Math.max(...samples);
    const third = Math.ceil(samples.length / 3);
    const [early, late] = [Math.max(...samples.slice(0, third)), Math.max(...samples.slice(-third))];
    const figures = `${before.toFixed(0)} MB before, then ${samples.map((one) => one.toFixed(0)).join(" ")} MB; rss ${((await nodeRed.rss()) / MB).toFixed(0)} MB; flowing ${Date.now() - back} ms after its return`;
    if (process.env["HEADRACE_KAFKA_OUTAGE"] !== undefined) console.log(`      ${figures}`);
    // Ten thousand events of 500 bytes on their way into each, and what of that is being sent.
    assert.ok(most < before + 40, figures);
    assert.ok(late < early + 10, figures);
  });
});
