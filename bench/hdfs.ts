import { userInfo } from "node:os";
import { eventually } from "../test/support/eventually";
import { type HdfsCluster, hdfsUnavailable, startHdfs } from "../test/counterparts/hdfs/cluster";
import type { FlowNode } from "../test/support/node-red";
import type { Bar, Bench, BenchOptions, Report } from "./bench";
import { rateDuring } from "./measure/rate";
import { runRounds, type Side } from "./measure/rounds";
import { CEILING, comparison, FLUME, memoryBar, named, OURS, ratioBar } from "./report/comparison";
import type { Table } from "./report/table";
import { flumePipeline } from "./sides/flume";
import { nodeRedPipeline } from "./sides/node-red";
import { type Measured, measure, type Pipeline } from "./sides/pipeline";
import { startScript } from "./sides/script";
import { stressProperties } from "./stress";

const MEMORY = { capacity: 100_000, transactionCapacity: 10_000 };
const FLUME_STRESS = "org.apache.flume.source.StressSource";
/** Milliseconds of the event loop's delay. */
const LATEST_LOOP = 20;
/** Files that end by time alone, and not within a round. */
const PLAIN = { fileType: "DataStream", rollInterval: 3600, rollSize: 0, rollCount: 0, batchSize: 1_000 };

/** How long a data node first waits for the name node when it closes a block, and how far we want to be ahead then. */
const SETTINGS = [
  { appendDelay: undefined, about: "data node as it comes", wanted: 3 },
  { appendDelay: 5, about: "data node with 5 ms", wanted: 10 },
] as const;

export const hdfs: Bench = {
  about: "stress (100 and 1,000 bytes) → memory (100,000) → HDFS text, with a data node's own setting and with 5 ms",
  async run(options) {
    const reason = await hdfsUnavailable();
    if (reason !== undefined) {
      options.say(`without HDFS: ${reason}`);
      return { tables: [], bars: [] };
    }
    const tables: Table[] = [];
    const bars: Bar[] = [];
    for (const { appendDelay, about, wanted } of SETTINGS) {
      for (const size of [100, 1_000]) {
        const cluster = await startHdfs({ heap: "1g", ...(appendDelay === undefined ? {} : { appendDelay }) });
        try {
          const report = await compare(
            cluster,
            `stress, ${size} bytes → memory → HDFS, ${about}`,
            size,
            wanted,
            options,
          );
          tables.push(...report.tables);
          bars.push(...report.bars);
        } finally {
          await cluster.stop();
        }
      }
    }
    return { tables, bars };
  },
};

async function compare(
  cluster: HdfsCluster,
  title: string,
  size: number,
  wanted: number,
  options: BenchOptions,
): Promise<Report> {
  const sides = await runRounds(
    [
      ceiling(cluster, size, options),
      ours(cluster, size, options),
      ...(options.flume ? [flume(cluster, size, options)] : []),
    ],
    options,
  );
  const own = named(sides, OURS);
  const other = named(sides, FLUME);
  return {
    tables: [comparison(title, sides)],
    bars: [
      ratioBar(`${title}: speed beside Flume`, own, other, wanted),
      memoryBar(`${title}: peak memory`, own, other),
      {
        what: `${title}: event-loop delay, p99`,
        wanted: `≤ ${LATEST_LOOP} ms`,
        got: own?.loop ? `${own.loop.p99.toFixed(1)} ms` : "–",
        met: own?.loop ? own.loop.p99 <= LATEST_LOOP : undefined,
      },
    ],
  };
}

/** Bytes of one append and files at once that were found to be best; more of either is not faster. */
const BEST = { bytes: 32 * 1024 * 1024, files: 3 };

/** What this HDFS takes by WebHDFS on this machine from a loop that does nothing else, in events of this size. */
function ceiling(cluster: HdfsCluster, size: number, { scale }: BenchOptions): Side {
  return {
    name: CEILING,
    async run() {
      const { username } = userInfo();
      const times = [BEST.bytes, BEST.files, 8_000 * scale];
      const script = startScript("webhdfs-appends", cluster.urls[0] ?? "", "/bench/ceiling", username, ...times);
      try {
        const { bytesPerSecond, peakRss } = (await script.next()) as { bytesPerSecond: number; peakRss: number };
        await script.ended;
        return { eventsPerSecond: bytesPerSecond / (size + 1), peakRss };
      } finally {
        await script.stop();
        await makeRoom(cluster);
      }
    },
  };
}

/** A minute of this fills a small disk. */
async function makeRoom(cluster: HdfsCluster): Promise<void> {
  const query = `op=DELETE&recursive=true&user.name=${userInfo().username}`;
  await fetch(`${cluster.urls[0]}/webhdfs/v1/bench?${query}`, { method: "DELETE" });
}

function ours(cluster: HdfsCluster, size: number, options: BenchOptions): Side {
  const node = (type: string, id: string, to: string[], settings: Readonly<Record<string, unknown>>): FlowNode => ({
    ...{ id, type, z: "tab" },
    ...settings,
    wires: [to],
  });
  const flows: FlowNode[] = [
    { id: "tab", type: "tab", label: "Bench" },
    node("flume-stress-source", "source", ["channel"], stressProperties(size)),
    node("flume-memory-channel", "channel", ["sink"], MEMORY),
    node("flume-hdfs-sink", "sink", [], { cluster: "cluster", path: "/bench/ours", ...PLAIN }),
    { id: "cluster", type: "flume-hdfs-cluster", urls: cluster.urls[0], user: userInfo().username },
  ];
  return { name: OURS, run: async () => ratedOnceUnderWay(cluster, await nodeRedPipeline(flows, options), options) };
}

function flume(cluster: HdfsCluster, size: number, options: BenchOptions): Side {
  const below = (prefix: string, values: Readonly<Record<string, string | number>>) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}.${key}`, String(value)]));
  const config = {
    ...{ sources: "r", channels: "c", sinks: "k" },
    ...below("sources.r", { type: FLUME_STRESS, channels: "c", ...stressProperties(size) }),
    ...below("channels.c", { type: "memory", ...MEMORY }),
    ...below("sinks.k", { type: "hdfs", channel: "c", "hdfs.path": `${cluster.fileSystem}/bench/flume` }),
    ...below("sinks.k.hdfs", PLAIN),
  };
  return { name: FLUME, run: async () => ratedOnceUnderWay(cluster, await flumePipeline(config), options) };
}

/** Events that must have left the channel before the rate is taken: Flume's HDFS client takes seconds to get going. */
const UNDER_WAY = 50_000;

async function ratedOnceUnderWay(cluster: HdfsCluster, pipeline: Pipeline, { scale }: BenchOptions): Promise<Measured> {
  try {
    return await measure(pipeline, async () => {
      const going = async () => (await pipeline.taken()) >= UNDER_WAY;
      await eventually(going, { within: 120_000, every: 200, what: `${UNDER_WAY} events taken` });
      // Long enough for many appends of half a second each.
      const times = { warmUp: 2_000 * scale, window: 10_000 * scale };
      return await rateDuring(
        times,
        () => pipeline.taken(),
        async () => await pipeline.resetLoopDelay?.(),
      );
    });
  } finally {
    await makeRoom(cluster);
  }
}
