// npm run bench -- [name …] [--rounds 3] [--scale 1] [--no-flume] [--profile folder] [--check]
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { cleanUpLeftovers } from "../test/support/cleanup";
import { type Bar, type Bench, type BenchOptions, flumeAvailable } from "./bench";
import { databaseChannel } from "./database-channel";
import { fairness } from "./fairness";
import { fileChannel } from "./file-channel";
import { hdfs } from "./hdfs";
import { interceptors } from "./interceptors";
import { watchOthers } from "./measure/quietness";
import { kafka } from "./kafka";
import { loghub } from "./loghub";
import { memory } from "./memory";
import { ceiling, netcat } from "./netcat";
import { tableText } from "./report/table";
import { stress } from "./stress";
import { tracking } from "./tracking";

const benches: Readonly<Record<string, Bench>> = {
  ceiling,
  netcat,
  stress,
  interceptors,
  fairness,
  memory,
  "file-channel": fileChannel,
  "database-channel": databaseChannel,
  hdfs,
  kafka,
  loghub,
  tracking,
};

/** What runs when nothing is named: memory repeats what netcat and stress also tell. */
const usual = ["netcat", "stress", "interceptors", "fairness"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    rounds: { type: "string", default: "3" },
    scale: { type: "string", default: "1" },
    flume: { type: "boolean", default: true },
    profile: { type: "string" },
    check: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  if (values.help) return help();
  const names = positionals.length > 0 ? positionals : usual;
  const unknown = names.filter((name) => !(name in benches));
  if (unknown.length > 0) {
    console.error(`There is no bench called ${unknown.join(", ")}.\n`);
    help();
    process.exitCode = 2;
    return;
  }
  const say = (text: string): void => console.error(`  ${text}`);
  const options: BenchOptions = {
    rounds: positive("rounds", values.rounds),
    scale: positive("scale", values.scale),
    flume: values.flume && (await flumeAvailable(say)),
    profileInto: values.profile,
    quietness: watchOthers(),
    say,
  };
  console.log(machine());
  const bars: Bar[] = [];
  for (const name of names) {
    const bench = benches[name];
    if (bench === undefined) continue;
    say(`${name}: ${bench.about}`);
    const report = await bench.run(options);
    for (const table of report.tables) console.log(tableText(table));
    bars.push(...report.bars);
  }
  if (bars.length > 0) console.log(tableText(barsTable(bars)));
  console.log(options.quietness.verdict());
  if (values.check && bars.some(({ met }) => met !== true)) process.exitCode = 1;
}

function help(): void {
  console.log("npm run bench -- [name …] [--rounds 3] [--scale 1] [--no-flume] [--profile folder] [--check]\n");
  for (const [name, { about }] of Object.entries(benches)) console.log(`  ${name.padEnd(14)}${about}`);
  console.log(`
Without a name: ${usual.join(", ")}.
  --rounds    how often each side runs; the figures are medians
  --scale     multiplies counts of events and lengths of windows: 0.1 for a quick look
  --no-flume  leaves the real Flume out
  --profile   Node-RED writes a processor profile of each round into this folder
  --check     ends with 1 unless every bar is met`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} wants a number above 0, not "${text}"`);
  return value;
}

function machine(): string {
  const processors = cpus();
  return `${processors.length} × ${processors[0]?.model ?? "unknown processor"}, Node ${process.versions.node}\n`;
}

function barsTable(bars: readonly Bar[]): Parameters<typeof tableText>[0] {
  return {
    title: "Promises",
    columns: ["promise", "wanted", "got", "met"],
    rows: bars.map(({ what, wanted, got, met }) => [what, wanted, got, met === undefined ? "?" : met ? "yes" : "NO"]),
  };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // Nothing that a bench started may outlive it.
  process.once(signal, () => void cleanUpLeftovers().finally(() => process.exit(130)));
}

main()
  .catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(() => void cleanUpLeftovers());
