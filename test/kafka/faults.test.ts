import assert from "node:assert/strict";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../support/eventually.js";
import { fileRoll, memory, nullSink, seq, tab } from "../support/flow-nodes.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { useTempDir } from "../support/temp-dir.js";
import { useKafka } from "./support/suite-kafka.js";

const node = (type: string, id: string, wires: string[][], settings: Record<string, unknown>): FlowNode => ({
  ...{ id, type, z: "tab", name: "", wires },
  ...settings,
});

/** Quick to notice that a broker or a member of a group is gone. */
const IMPATIENT = {
  "broker.session.timeout.ms": "5000",
  "broker.heartbeat.interval.ms": "500",
  "group.min.session.timeout.ms": "1000",
};
const QUICK = [
  { property: "session.timeout.ms", value: "4000" },
  { property: "heartbeat.interval.ms", value: "500" },
];

/** Bodies in all files of a folder, and how many of them stand there more than once. */
async function ledger(...folders: string[]): Promise<{ seen: Set<string>; twice: number }> {
  const seen = new Set<string>();
  let all = 0;
  for (const folder of folders) {
    for (const name of await readdir(folder)) {
      const lines = (await readFile(join(folder, name), "utf8")).split("\n");
      // What stands behind the last line feed is not written to its end yet.
      for (const line of lines.slice(0, -1)) {
        seen.add(line);
        all++;
      }
    }
  }
  return { seen, twice: all - seen.size };
}

describe("Kafka: faults, with every event counted", function () {
  // All that a test waits for, one after the other, and brokers that start while others run.
  this.timeout(400_000);
  const suite = useKafka({ brokers: 3, properties: IMPATIENT });
  const temp = useTempDir();
  const cluster = (): FlowNode => ({
    ...{ id: "cluster", type: "flume-kafka-cluster", name: "" },
    ...{ brokers: suite().cluster.bootstrap, clientId: "headrace", mechanism: "none" },
  });
  const running: NodeRed[] = [];
  const start = async (...flows: FlowNode[]): Promise<NodeRed> => {
    const nodeRed = await NodeRed.start({ flows: [tab(), cluster(), ...flows] });
    running.push(nodeRed);
    return nodeRed;
  };
  const folder = async (name: string): Promise<string> => {
    const path = temp().file(name);
    await mkdir(path);
    return path;
  };

  afterEach(async () => {
    for (const nodeRed of running.splice(0)) await nodeRed.kill();
    for (const broker of suite().cluster.brokers) await broker.start();
  });

  it("leaders are killed and come back: nothing is lost, and the topic holds nothing twice", async () => {
    const total = 60_000;
    const topic = await suite().topic(3);
    const out = await folder("out");
    await start(
      seq("seq", ["channel"], { batchSize: 100, totalEvents: total }),
      memory("channel", ["sink"], { capacity: 10_000, transactionCapacity: 1_000 }),
      node("flume-kafka-sink", "sink", [], { cluster: "cluster", topic, acks: "all", batchSize: 100 }),
      node("flume-kafka-source", "source", [["files"]], {
        ...{ cluster: "cluster", topics: topic, groupId: topic, autoOffsetReset: "earliest" },
        ...{ batchSize: 500, batchDurationMillis: 100, consumerProperties: QUICK },
      }),
      fileRoll("files", out),
    );
    // One after the other: leaders of data, of the group, or the controller are among them.
    for (const broker of suite().cluster.brokers.slice(0, 2)) {
      const before = (await ledger(out)).seen.size;
      await eventually(async () => (await ledger(out)).seen.size > Math.min(before, total - 1), {
        within: 60_000,
        every: 100,
        what: `events before broker ${broker.id} is killed`,
      });
      await broker.kill();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await broker.start();
    }
    const { seen, twice } = await eventually(
      async () => {
        const found = await ledger(out);
        return found.seen.size === total && found;
      },
      { within: 90_000, every: 250, what: `all of ${total} events in the files` },
    );
    for (let i = 0; i < total; i++) if (!seen.has(String(i))) assert.fail(`${i} is lost`);
    const records = await suite().read(topic);
    assert.equal(records.length, total, "batches are numbered, so a broker keeps one that is sent twice only once");
    // Sixteen batches of 500 under way, at each rebalance that the deaths brought.
    assert.ok(twice <= 2 * 16 * 500, `${twice} events twice in the files`);
  });

  it("three agents, one group, one is killed: the others take over, and nothing is lost", async () => {
    const total = 60_000;
    const topic = await suite().topic(6);
    const folders = [await folder("a"), await folder("b"), await folder("c")];
    const agent = (directory: string) =>
      start(
        node("flume-kafka-source", "source", [["files"]], {
          ...{ cluster: "cluster", topics: topic, groupId: topic, autoOffsetReset: "earliest" },
          ...{ batchSize: 200, batchDurationMillis: 50, consumerProperties: QUICK },
        }),
        fileRoll("files", directory),
      );
    const [first] = await Promise.all(folders.map(agent));
    await start(
      seq("seq", ["channel"], { batchSize: 100, totalEvents: total }),
      memory("channel", ["sink"], { capacity: 1_000, transactionCapacity: 100 }),
      node("flume-kafka-sink", "sink", [], { cluster: "cluster", topic, acks: "all", batchSize: 100 }),
    );
    await eventually(async () => (await ledger(folders[0] ?? "")).seen.size > 0, {
      within: 60_000,
      what: "events of the first agent",
    });
    // Without a word, wherever it is between writing and committing.
    await first?.kill();
    const { seen, twice } = await eventually(
      async () => {
        const found = await ledger(...folders);
        return found.seen.size >= total && found;
      },
      { within: 90_000, every: 250, what: `all of ${total} events` },
    );
    for (let i = 0; i < total; i++) if (!seen.has(String(i))) assert.fail(`${i} is lost`);
    assert.ok(
      twice <= 3 * 16 * 200,
      `${twice} events twice: what was under way when the agent died, and at the rebalances`,
    );
  });

  it("brokers that stand still, and a cluster that is gone: the status tells, and all goes on by itself", async () => {
    const total = 15_000;
    const topic = await suite().topic(1);
    const short = [
      { property: "request.timeout.ms", value: "2000" },
      { property: "delivery.timeout.ms", value: "60000" },
    ];
    const nodeRed = await start(
      seq("seq", ["channel"], { batchSize: 10, totalEvents: total }),
      memory("channel", ["sink"], { capacity: 1_000, transactionCapacity: 100 }),
      node("flume-kafka-sink", "sink", [], {
        ...{ cluster: "cluster", topic, acks: "all", batchSize: 10, producerProperties: short },
      }),
      node("flume-kafka-channel", "topic", [["null"]], {
        ...{ cluster: "cluster", topic, groupId: topic, parseAsFlumeEvent: false, consumerProperties: QUICK },
      }),
      nullSink("null"),
    );
    const taken = async (channel = "channel"): Promise<number> => {
      const metrics = await nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
      return Number(metrics[`CHANNEL.${channel}`]?.["EventTakeSuccessCount"]);
    };
    const { brokers } = suite().cluster;
    await eventually(async () => (await taken("topic")) > 0, { within: 30_000, what: "first events" });
    let from = nodeRed.logs.length;
    for (const broker of brokers) broker.freeze();
    try {
      await nodeRed.waitForLog(/\[error\].*(No Kafka broker answers|timed out)/, { from, within: 30_000 });
    } finally {
      for (const broker of brokers) broker.thaw();
    }
    const before = await taken();
    await eventually(async () => (await taken()) > before, {
      within: 60_000,
      what: "more events after the standstill",
    });
    from = nodeRed.logs.length;
    await Promise.all(brokers.map((broker) => broker.kill()));
    assert.ok((await taken()) < total, "the cluster is gone while there is something to do");
    await nodeRed.waitForLog(/\[error\].*No Kafka broker answers/, { from, within: 30_000 });
    await Promise.all(brokers.map((broker) => broker.start()));
    await eventually(async () => (await taken()) === total && (await taken("topic")) >= total, {
      within: 90_000,
      every: 250,
      what: "all events acknowledged, and taken again",
    });
    assert.equal((await suite().read(topic)).length, total);
  });
});
