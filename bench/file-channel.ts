import type { FlowNode } from "../test/support/node-red";
import { tempDir } from "../test/support/temp-dir";
import type { Bar, Bench, BenchOptions } from "./bench";
import { flumeConfig, nodeRedFlows } from "./flows";
import { median } from "./measure/median";
import { runRounds, type Side, type Summary } from "./measure/rounds";
import { CEILING, comparison, FLUME, named, OURS, rateBar, ratioBar } from "./report/comparison";
import { eventRate, megabytes, milliseconds } from "./report/figures";
import type { Table } from "./report/table";
import { flumePipeline } from "./sides/flume";
import { nodeRedPipeline } from "./sides/node-red";
import type { Measured } from "./sides/pipeline";
import { startScript } from "./sides/script";
import { measureWindow, stressProperties } from "./stress";

const CHANNEL = "file channel by itself";
const WINDOW_MS = 4_000;
const CAPACITY = { capacity: 1_000_000, transactionCapacity: 10_000 };
const HELD_EVENTS = 1_000_000;

interface Load {
  readonly batch: number;
  readonly bodyBytes: number;
  /** Times as fast as Flume. */
  readonly flume?: number;
  readonly quiet?: number;
}

/** What is promised of one putter and one taker, every put synced. */
const loads: readonly Load[] = [
  { batch: 100, bodyBytes: 100, flume: 4 },
  { batch: 1000, bodyBytes: 100, flume: 8, quiet: 1_000_000 },
  { batch: 100, bodyBytes: 500 },
  { batch: 1000, bodyBytes: 500 },
];

export const fileChannel: Bench = {
  about: "file channel, every put synced: beside a raw append, and stress → file → null beside Flume",
  async run(options) {
    const tables: Table[] = [];
    const bars: Bar[] = [];
    for (const load of loads) await oneLoad(load, options, tables, bars);
    await groupCommit(options, tables, bars);
    await held(options, tables, bars);
    return { tables, bars };
  },
};

async function oneLoad(load: Load, options: BenchOptions, tables: Table[], bars: Bar[]): Promise<void> {
  const { batch, bodyBytes, flume, quiet } = load;
  const what = `${bodyBytes}-byte events, batch ${batch}`;
  const withFlume = flume !== undefined && options.flume;
  const sides = await runRounds(
    [
      { name: CEILING, run: () => inFolder((folder) => script("raw-log", folder, batch, bodyBytes, window(options))) },
      passing(options, load, CHANNEL),
      ...(flume !== undefined ? [ourFlow(options, load)] : []),
      ...(withFlume ? [flumeFlow(options, load)] : []),
    ],
    options,
  );
  tables.push(comparison(`file channel, ${what}, one putter, one taker`, sides));
  const channel = named(sides, CHANNEL);
  bars.push(
    ratioBar(`${what}: share of a raw append`, channel, named(sides, CEILING), 0.5),
    ...loopBars(what, channel),
  );
  if (flume !== undefined) {
    bars.push(ratioBar(`${what}: stress → file → null beside Flume`, named(sides, OURS), named(sides, FLUME), flume));
  }
  if (quiet !== undefined) bars.push(rateBar(`${what}: on a quiet disk`, channel, quiet));
}

async function groupCommit(options: BenchOptions, tables: Table[], bars: Bar[]): Promise<void> {
  const one = { batch: 1, bodyBytes: 100 };
  const slow = { batch: 100, bodyBytes: 100 };
  const sides = await runRounds(
    [
      passing(options, one, "1 putter, batch 1"),
      passing(options, one, "8 putters, batch 1", 8),
      passing(options, slow, "8 putters, batch 100, 1 ms more for each sync", 8, 1),
    ],
    options,
  );
  tables.push(comparison("file channel, group commit (events taken and committed)", sides));
  bars.push(
    ratioBar("8 putters at batch 1 beside one", sides[1], sides[0], 5),
    rateBar("8 under way, batch 100, 1 ms more for each sync", sides[2], 200_000),
  );
}

async function held(options: BenchOptions, tables: Table[], bars: Bar[]): Promise<void> {
  const events = Math.round(HELD_EVENTS * options.scale);
  const filled: Measured[] = [];
  const opened: (Measured & { opened: number })[] = [];
  for (let round = 0; round < options.rounds; round++) {
    await inFolder(async (folder) => {
      filled.push(await script("file-channel-load", "fill", folder, 100, 500, events));
      opened.push(
        (await script("file-channel-load", "open", folder, 100, 500, events)) as Measured & { opened: number },
      );
    });
  }
  const memory = median(filled.map(({ peakRss }) => peakRss ?? Number.NaN));
  const recovery = median(opened.map((one) => one.opened));
  const drain = median(opened.map(({ eventsPerSecond }) => eventsPerSecond));
  const loop = Math.max(...[...filled, ...opened].map((one) => one.loop?.max ?? 0));
  tables.push({
    title: `file channel with ${events.toLocaleString("en")} events of 500 bytes in it, put in batches of 100`,
    columns: ["figure", "value"],
    rows: [
      ["peak memory of the process while they were put", megabytes(memory)],
      ["opened after SIGKILL, without a checkpoint", milliseconds(recovery)],
      ["events/s read back", eventRate(drain)],
      ["event-loop delay, longest", milliseconds(loop)],
    ],
  });
  bars.push(
    { what: "1 M events of 500 bytes held: memory", wanted: "≤ 150 MB", got: megabytes(memory), met: memory <= 150e6 },
    { what: "1 M events held: recovery", wanted: "≤ 3 s", got: milliseconds(recovery), met: recovery <= 3000 },
    {
      what: "1 M events held: event-loop delay, longest",
      wanted: "≤ 100 ms",
      got: milliseconds(loop),
      met: loop <= 100,
    },
  );
}

function loopBars(what: string, side: Summary | undefined): Bar[] {
  const { p99, max } = side?.loop ?? { p99: Number.NaN, max: Number.NaN };
  return [
    { what: `${what}: event-loop delay p99`, wanted: "≤ 20 ms", got: milliseconds(p99), met: p99 <= 20 },
    { what: `${what}: event-loop delay, longest`, wanted: "≤ 100 ms", got: milliseconds(max), met: max <= 100 },
  ];
}

function passing(options: BenchOptions, { batch, bodyBytes }: Load, name: string, putters = 1, syncDelay = 0): Side {
  return {
    name,
    run: () =>
      inFolder((folder) =>
        script("file-channel-load", "pass", folder, batch, bodyBytes, window(options), putters, syncDelay),
      ),
  };
}

function ourFlow(options: BenchOptions, { batch, bodyBytes }: Load): Side {
  const sourceProperties = { ...stressProperties(bodyBytes), batchSize: batch };
  const flows = nodeRedFlows({ source: "stress", sourceProperties }).map((node): FlowNode => {
    if (node.type === "flume-memory-channel") return { ...node, type: "flume-file-channel", ...CAPACITY };
    return node.type === "flume-null-sink" ? { ...node, batchSize: batch } : node;
  });
  return { name: OURS, run: async () => await measureWindow(await nodeRedPipeline(flows, options), options) };
}

function flumeFlow(options: BenchOptions, { batch, bodyBytes }: Load): Side {
  return {
    name: FLUME,
    run: () =>
      inFolder(async (folder) => {
        const source = { ...stressProperties(bodyBytes), batchSize: batch };
        const config = flumeConfig("org.apache.flume.source.StressSource", source);
        return await measureWindow(
          await flumePipeline({
            ...config,
            "channels.c.type": "file",
            "channels.c.checkpointDir": `${folder}/checkpoint`,
            "channels.c.dataDirs": `${folder}/data`,
            "channels.c.capacity": String(CAPACITY.capacity),
            "channels.c.transactionCapacity": String(CAPACITY.transactionCapacity),
            "sinks.k.batchSize": String(batch),
          }),
          options,
        );
      }),
  };
}

const window = ({ scale }: BenchOptions) => WINDOW_MS * scale;

async function script(name: string, ...args: readonly (string | number)[]): Promise<Measured> {
  const running = startScript(name, ...args);
  try {
    return (await running.next()) as Measured;
  } finally {
    await running.stop();
  }
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await tempDir();
  try {
    return await work(folder.path);
  } finally {
    await folder.remove();
  }
}
