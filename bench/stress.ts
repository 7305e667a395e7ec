import type { Bench, BenchOptions } from "./bench";
import { flumeConfig, nodeRedFlows, type Properties } from "./flows";
import { rateDuring } from "./measure/rate";
import { runRounds, type Side } from "./measure/rounds";
import { comparison, FLUME, memoryBar, named, OURS, ratioBar } from "./report/comparison";
import type { Bar } from "./bench";
import { flumePipeline } from "./sides/flume";
import { nodeRedPipeline } from "./sides/node-red";
import { type Measured, measure, type Pipeline } from "./sides/pipeline";
import type { Table } from "./report/table";

/** Far more than the measured time lets through, and still an end. */
const MOST_EVENTS = 2_000_000_000;
const FLUME_STRESS = "org.apache.flume.source.StressSource";

export const stress: Bench = {
  about: "stress source (batches of 1,000; 100 and 500 bytes) → memory channel → null sink",
  async run(options) {
    const tables: Table[] = [];
    const bars: Bar[] = [];
    for (const size of [100, 500]) {
      const sides = await runRounds(
        [ourStress(options, size), ...(options.flume ? [flumeStress(options, size)] : [])],
        options,
      );
      const ours = named(sides, OURS);
      const flume = named(sides, FLUME);
      tables.push(comparison(`stress, ${size}-byte bodies → memory → null`, sides));
      bars.push(
        ratioBar(`stress, ${size} bytes: speed beside Flume`, ours, flume, 5),
        memoryBar(`stress, ${size} bytes: peak memory`, ours, flume),
      );
    }
    return { tables, bars };
  },
};

export function ourStress(options: BenchOptions, size: number): Side {
  return {
    name: OURS,
    run: async () => {
      const flows = nodeRedFlows({ source: "stress", sourceProperties: stressProperties(size) });
      return await measureWindow(await nodeRedPipeline(flows, options), options);
    },
  };
}

export function flumeStress(options: BenchOptions, size: number): Side {
  return {
    name: FLUME,
    run: async () =>
      await measureWindow(await flumePipeline(flumeConfig(FLUME_STRESS, stressProperties(size))), options),
  };
}

export function stressProperties(size: number): Properties {
  return { size, batchSize: 1_000, maxTotalEvents: MOST_EVENTS };
}

/** The stress source runs from the start of the flow on, so the rate is taken over a window of time. */
export async function measureWindow(pipeline: Pipeline, { scale }: BenchOptions): Promise<Measured> {
  const times = { warmUp: 2_000 * scale, window: 5_000 * scale };
  return await measure(pipeline, () =>
    rateDuring(
      times,
      () => pipeline.taken(),
      async () => await pipeline.resetLoopDelay?.(),
    ),
  );
}
