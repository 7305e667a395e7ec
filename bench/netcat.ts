import { freePort } from "../test/support/ports";
import type { Bar, Bench, BenchOptions } from "./bench";
import { flumeConfig, nodeRedFlows, type Properties, type SourceToNull } from "./flows";
import { rateOf } from "./measure/rate";
import { runRounds, type Side } from "./measure/rounds";
import { CEILING, comparison, FLUME, memoryBar, named, OURS, rateBar, ratioBar } from "./report/comparison";
import { measureCeiling } from "./sides/ceiling";
import { flumePipeline } from "./sides/flume";
import { nodeRedPipeline } from "./sides/node-red";
import { type Measured, measure, type Pipeline } from "./sides/pipeline";
import { startScript } from "./sides/script";
import type { Table } from "./report/table";

const BODY_BYTES = 100;
/** What a fresh process makes of its first events, the compiler at work beside it: as Flume was measured before. */
const FIRST_LINES = 3_000_000;
/** Long enough that nothing is left of the start. */
const MANY_LINES = 20_000_000;

export const netcat: Bench = {
  about: "100-byte lines over TCP → netcat source without acknowledgements → memory channel → null sink",
  async run(options) {
    const tables: Table[] = [];
    const bars: Bar[] = [];
    for (const { lines, when } of [
      { lines: FIRST_LINES, when: "a fresh process" },
      { lines: MANY_LINES, when: "a long run" },
    ]) {
      const count = Math.round(lines * options.scale);
      const sides = await runRounds(
        [ceilingSide(count), ourNetcat(options, count), ...(options.flume ? [flumeNetcat(count)] : [])],
        options,
      );
      const ours = named(sides, OURS);
      const flume = named(sides, FLUME);
      tables.push(
        comparison(`netcat → memory → null, ${when}: ${count.toLocaleString("en")} lines of 100 bytes`, sides),
      );
      bars.push(ratioBar(`netcat, ${when}: speed beside Flume`, ours, flume, 5));
      if (lines === MANY_LINES) {
        bars.push(
          ratioBar("netcat: share of the raw ceiling", ours, named(sides, CEILING), 0.5),
          rateBar("netcat: speed on a quiet machine", ours, 2_500_000),
          memoryBar("netcat: peak memory", ours, flume),
        );
      }
    }
    return { tables, bars };
  },
};

export const ceiling: Bench = {
  about: "the raw ceiling: a plain script that splits TCP into held events",
  async run(options) {
    const sides = await runRounds([ceilingSide(Math.round(MANY_LINES * options.scale))], options);
    return { tables: [comparison("split TCP into held events, 100-byte lines", sides)], bars: [] };
  },
};

/** Something between source and channel, and how lines begin that it can work on. */
export interface Between<Interceptors> {
  readonly interceptors: Interceptors;
  readonly prefix: string;
}

function ceilingSide(lines: number): Side {
  return { name: CEILING, run: () => measureCeiling(lines, BODY_BYTES) };
}

export function ourNetcat(
  { profileInto }: BenchOptions,
  lines = MANY_LINES,
  between?: Between<SourceToNull["interceptors"]>,
): Side {
  return {
    name: OURS,
    async run() {
      const port = await freePort();
      const flows = nodeRedFlows({
        source: "netcat",
        sourceProperties: sourceProperties(port),
        interceptors: between?.interceptors,
      });
      return await measureLines(await nodeRedPipeline(flows, { profileInto }), port, lines, between?.prefix);
    },
  };
}

export function flumeNetcat(lines = MANY_LINES, between?: Between<Properties>): Side {
  return {
    name: FLUME,
    async run() {
      const port = await freePort();
      const config = flumeConfig("netcat", sourceProperties(port), between?.interceptors);
      return await measureLines(await flumePipeline(config), port, lines, between?.prefix);
    },
  };
}

function sourceProperties(port: number): Properties {
  return { bind: "127.0.0.1", port, "max-line-length": 512, "ack-every-event": false };
}

async function measureLines(pipeline: Pipeline, port: number, lines: number, prefix = ""): Promise<Measured> {
  return await measure(pipeline, async () => {
    const producer = startScript("line-producer", port, lines, BODY_BYTES, prefix);
    try {
      return await Promise.race([
        rateOf(lines, () => pipeline.taken()),
        // A producer that fails ends the wait; one that ends well does not.
        producer.ended.then(() => new Promise<never>(() => undefined)),
      ]);
    } finally {
      await producer.stop();
    }
  });
}
