import { readFile, writeFile } from "node:fs/promises";
import { node20, node24 } from "../test/support/machine";
import type { FlowNode } from "../test/support/node-red";
import { tempDir } from "../test/support/temp-dir";
import type { Bar, Bench, BenchOptions, Report } from "./bench";
import { median } from "./measure/median";
import { rateOf } from "./measure/rate";
import { runRounds, type Side } from "./measure/rounds";
import { comparison, named, OURS, rateBar } from "./report/comparison";
import { eventRate, megabytes, milliseconds } from "./report/figures";
import type { Table } from "./report/table";
import { type NodeRedPipeline, nodeRedPipeline } from "./sides/node-red";
import { measure } from "./sides/pipeline";
import { type Script, startScript, startScriptOn } from "./sides/script";

const SHARDS = 64;
/** Of 20 kB each: a reply holds 10 MB of them, the most that the service sends, and a shard has a bit more than that. */
const GROUPS = 700;
const WANTED_MEGABYTES = 100;
const WANTED_LOGS = 150_000;
/** Growth of memory from a third of the way to its end that is taken for flat, in bytes. */
const FLAT = 64 * 1024 * 1024;
/** Milliseconds of the event loop's delay. */
const LATEST_LOOP = 20;
/** The memory that the source may have for what is fetched, in bytes. */
const BUDGET = 64 * 1024 * 1024;

export const loghub: Bench = {
  about:
    "LogGroups to events on one core; Log Service emulator (64 shards, 10 MB replies) → LogHub source → memory → null",
  async run(options) {
    const decoding = await decode(options);
    const flow = await endToEnd(options);
    return { tables: [...decoding.tables, ...flow.tables], bars: [...decoding.bars, ...flow.bars] };
  },
};

interface Decoded {
  readonly form: string;
  readonly megabytesPerSecond: number;
  readonly logsPerSecond: number;
}

async function decode({ scale, say }: BenchOptions): Promise<Report> {
  const nodes = { "Node 24": node24, ...(node20 === undefined ? {} : { "Node 20": node20 }) };
  const rows: string[][] = [];
  const bars: Bar[] = [];
  for (const [name, binary] of Object.entries(nodes)) {
    const script = startScriptOn(binary, "log-decoding", Math.max(0.2, 3 * scale));
    const results = (await script.next()) as readonly Decoded[];
    await script.ended;
    for (const { form, megabytesPerSecond, logsPerSecond } of results) {
      say(`${name}, ${form}: ${Math.round(megabytesPerSecond)} MB/s`);
      rows.push([`${name}, ${form}`, `${Math.round(megabytesPerSecond)} MB/s`, eventRate(logsPerSecond)]);
      if (name !== "Node 24") continue;
      bars.push({
        what: `LogGroups to events, ${form}`,
        wanted: `≥ ${WANTED_MEGABYTES} MB/s`,
        got: `${Math.round(megabytesPerSecond)} MB/s`,
        met: megabytesPerSecond >= WANTED_MEGABYTES,
      });
    }
  }
  const title = "LZ4, check and conversion of LogGroups, 8 fields of 275 bytes a log, per second of processor time";
  return { tables: [{ title, columns: ["bodies", "LogGroups", "logs/s"], rows }], bars };
}

async function endToEnd(options: BenchOptions): Promise<Report> {
  const watches: Watch[] = [];
  const side: Side = {
    name: OURS,
    run: async () => {
      const service = startScript("log-service", SHARDS, Math.round(GROUPS * options.scale));
      try {
        return await consume(service, options, watches);
      } finally {
        await service.stop();
      }
    },
  };
  const sides = await runRounds([side], options);
  const title = `Log Service emulator, ${SHARDS} shards → LogHub source → memory → null`;
  const growth = Math.max(...watches.map((watch) => watch.growth()));
  const cost = median(watches.map((watch) => watch.cost()));
  const tables: Table[] = [comparison(title, sides)];
  const bars: Bar[] = [
    rateBar(title, named(sides, OURS), WANTED_LOGS),
    {
      // Of Node-RED's process, all threads: it tells on a busy machine, too, what a quiet one would do.
      what: `${title}: processor time for each log`,
      wanted: `≤ ${(1e6 / WANTED_LOGS).toFixed(1)} µs`,
      got: `${cost.toFixed(1)} µs`,
      met: cost <= 1e6 / WANTED_LOGS,
    },
    {
      what: `${title}: memory does not grow, from a third of the logs to their end`,
      wanted: `≤ ${megabytes(FLAT)}`,
      got: megabytes(Math.max(0, growth)),
      met: growth <= FLAT,
    },
    {
      what: `${title}: event-loop delay, p99`,
      wanted: `≤ ${LATEST_LOOP} ms`,
      got: milliseconds(named(sides, OURS)?.loop?.p99),
      met: (named(sides, OURS)?.loop?.p99 ?? Number.POSITIVE_INFINITY) <= LATEST_LOOP,
    },
  ];
  return { tables, bars };
}

interface Filled {
  readonly endpoint: string;
  readonly project: string;
  readonly logstore: string;
  readonly accessKeyId: string;
  readonly accessKey: string;
  readonly logs: number;
}

async function consume(service: Script, options: BenchOptions, watches: Watch[]) {
  const { endpoint, project, logstore, accessKeyId, accessKey, logs } = (await service.next()) as Filled;
  const folder = await tempDir();
  // A file of flows has no credentials in it: they are read from a file of their own.
  const credentialsFile = folder.file("credentials.json");
  await writeFile(credentialsFile, JSON.stringify({ AccessKeyId: accessKeyId, AccessKeySecret: accessKey }));
  const flows: FlowNode[] = [
    { id: "tab", type: "tab", label: "Bench" },
    { id: "project", type: "flume-loghub-project", endpoint, project, credentialSource: "file", credentialsFile },
    {
      ...{ id: "source", type: "flume-loghub-source", z: "tab", wires: [["channel"]] },
      ...{ project: "project", logstore, consumerGroup: "bench", consumerPosition: "begin", useRecordTime: true },
      ...{ batchSize: 1_000, memory: BUDGET },
    },
    {
      ...{ id: "channel", type: "flume-memory-channel", z: "tab", wires: [["sink"]] },
      ...{ capacity: 100_000, transactionCapacity: 10_000 },
    },
    { id: "sink", type: "flume-null-sink", z: "tab", wires: [[]], batchSize: 1_000, logEveryNEvents: 1_000_000_000 },
  ];
  const pipeline = await nodeRedPipeline(flows, options);
  const watch = new Watch(pipeline, logs);
  watches.push(watch);
  try {
    return await measure(pipeline, () => rateOf(logs, () => watch.taken()));
  } finally {
    await folder.remove();
  }
}

/** Milliseconds between two looks at memory and processor time. */
const LOOK_EVERY = 200;
/** Of the kernel's clock, in seconds. */
const TICK = 0.01;

/** Looks at memory and processor time of Node-RED now and then while events are counted. */
class Watch {
  readonly #pipeline: NodeRedPipeline;
  readonly #total: number;
  #looked = 0;
  #early = 0;
  #late = 0;
  /** Processor time in seconds, and events: after the first tenth, and last. */
  #first: readonly [number, number] | undefined;
  #last: readonly [number, number] = [0, 0];

  constructor(pipeline: NodeRedPipeline, total: number) {
    this.#pipeline = pipeline;
    this.#total = total;
  }

  async taken(): Promise<number> {
    const count = await this.#pipeline.taken();
    if (performance.now() - this.#looked < LOOK_EVERY) return count;
    this.#looked = performance.now();
    const { nodeRed } = this.#pipeline;
    // Without what V8 takes once when it pleases, which would look like growth.
    const bytes = (await nodeRed.rss()) - (await this.#pipeline.loopDelay()).young;
    if (count < this.#total / 3) this.#early = Math.max(this.#early, bytes);
    else this.#late = Math.max(this.#late, bytes);
    const fields = (await readFile(`/proc/${nodeRed.pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
    this.#last = [(Number(fields[11]) + Number(fields[12])) * TICK, count];
    if (count >= this.#total / 10) this.#first ??= this.#last;
    return count;
  }

  /** Of resident memory but V8's young generation, from the first third of the events on, in bytes. */
  growth(): number {
    return this.#late - this.#early;
  }

  /** Processor time for each event, in microseconds. */
  cost(): number {
    const [time, count] = this.#last;
    const [timeThen, countThen] = this.#first ?? this.#last;
    return ((time - timeThen) * 1e6) / (count - countThen);
  }
}
