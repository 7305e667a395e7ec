import { tempDir } from "../test/support/temp-dir";
import type { Bar, Bench, BenchOptions } from "./bench";
import { median } from "./measure/median";
import { runRounds, type Side } from "./measure/rounds";
import { CEILING, comparison, named, ratioBar } from "./report/comparison";
import { eventRate, megabytes, milliseconds } from "./report/figures";
import type { Table } from "./report/table";
import type { Measured } from "./sides/pipeline";
import { startScript } from "./sides/script";

const WINDOW_MS = 4_000;
const HELD_EVENTS = 1_000_000;
const BODY_BYTES = 100;

/** A quiet disk gives this; another at least this part of what a raw append does on it in the same run. */
const QUIET = 100_000;
const SHARE = 0.15;

export const databaseChannel: Bench = {
  about: "database channel on SQLite, every put synced: beside a raw append",
  async run(options) {
    const sides = await runRounds(
      [
        raw(options, 1000),
        passing(options, 1000, "batch 1000"),
        passing(options, 100, "batch 100"),
        passing(options, 1, "batch 1, 8 putters", 8),
      ],
      options,
    );
    const tables: Table[] = [comparison("database channel on SQLite, 100-byte events, one putter, one taker", sides)];
    const [ceiling, thousand] = [named(sides, CEILING), named(sides, "batch 1000")];
    const rate = thousand?.eventsPerSecond ?? Number.NaN;
    const { p99, max } = thousand?.loop ?? { p99: Number.NaN, max: Number.NaN };
    const share = ratioBar("batch 1000: share of a raw append", thousand, ceiling, SHARE);
    const bars: Bar[] = [
      {
        ...share,
        what: `batch 1000: ${eventRate(QUIET)} on a quiet disk (here ${eventRate(rate)}), else share of a raw append`,
        met: rate >= QUIET || share.met,
      },
      { what: "batch 1000: event-loop delay p99", wanted: "≤ 20 ms", got: milliseconds(p99), met: p99 <= 20 },
      { what: "batch 1000: event-loop delay, longest", wanted: "≤ 100 ms", got: milliseconds(max), met: max <= 100 },
    ];
    await held(options, tables, bars);
    return { tables, bars };
  },
};

async function held(options: BenchOptions, tables: Table[], bars: Bar[]): Promise<void> {
  const events = Math.round(HELD_EVENTS * options.scale);
  const found: (Measured & { opened: number })[] = [];
  for (let round = 0; round < options.rounds; round++) {
    found.push(
      (await script("database-channel-load", "hold", 1000, BODY_BYTES, events)) as Measured & { opened: number },
    );
  }
  const memory = median(found.map(({ peakRss }) => peakRss ?? Number.NaN));
  const loop = Math.max(...found.map((one) => one.loop?.max ?? 0));
  tables.push({
    title: `database channel on SQLite with ${events.toLocaleString("en")} events of ${BODY_BYTES} bytes in it`,
    columns: ["figure", "value"],
    rows: [
      ["peak memory of the process while they were put", megabytes(memory)],
      ["opened", milliseconds(median(found.map(({ opened }) => opened)))],
      ["events/s read back", eventRate(median(found.map(({ eventsPerSecond }) => eventsPerSecond)))],
      ["event-loop delay, longest", milliseconds(loop)],
    ],
  });
  bars.push({
    what: "1 M events held: memory",
    wanted: "≤ 150 MB",
    got: megabytes(memory),
    met: memory <= 150e6,
  });
}

const window = ({ scale }: BenchOptions) => WINDOW_MS * scale;

function raw(options: BenchOptions, batch: number): Side {
  return { name: CEILING, run: () => script("raw-log", undefined, batch, BODY_BYTES, window(options)) };
}

function passing(options: BenchOptions, batch: number, name: string, putters = 1): Side {
  return { name, run: () => script("database-channel-load", "pass", batch, BODY_BYTES, window(options), putters) };
}

/** A script in a folder of its own, which stands behind its mode where it has one. */
async function script(name: string, mode: string | undefined, ...numbers: readonly number[]): Promise<Measured> {
  const folder = await tempDir();
  const running = startScript(name, ...(mode === undefined ? [] : [mode]), folder.path, ...numbers);
  try {
    return (await running.next()) as Measured;
  } finally {
    await running.stop();
    await folder.remove();
  }
}
