import type { BenchOptions } from "../bench";
import { eventRate } from "../report/figures";
import type { Measured } from "../sides/pipeline";
import type { LoopDelay } from "../load/loop-probe";
import { median } from "./median";

export interface Side {
  readonly name: string;
  run(): Promise<Measured>;
}

/** The medians of a side's rounds; of the longest delays the longest. */
export interface Summary {
  readonly name: string;
  readonly eventsPerSecond: number;
  readonly slowest: number;
  readonly fastest: number;
  readonly peakRss: number | undefined;
  readonly loop: LoopDelay | undefined;
}

/**
 * Runs all sides in turn, round after round: a machine that is busy for a while is busy for all of them, so the
 * ratios hold even where the figures do not.
 */
export async function runRounds(sides: readonly Side[], { rounds, quietness, say }: BenchOptions): Promise<Summary[]> {
  const measured = sides.map((): Measured[] => []);
  for (let round = 1; round <= rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      // Another one begins each time: what a machine does a minute later must not always meet the same side.
      const index = (turn + round - 1) % sides.length;
      const side = sides[index];
      if (!side) continue;
      const others = await quietness.look();
      const result = await side.run();
      measured[index]?.push(result);
      say(`round ${round}/${rounds}  ${side.name}: ${eventRate(result.eventsPerSecond)} events/s${others}`);
    }
  }
  return sides.map((side, index) => summarise(side.name, measured[index] ?? []));
}

function summarise(name: string, rounds: readonly Measured[]): Summary {
  const rates = rounds.map(({ eventsPerSecond }) => eventsPerSecond);
  const memory = rounds.flatMap(({ peakRss }) => peakRss ?? []);
  const loops = rounds.flatMap(({ loop }) => loop ?? []);
  return {
    name,
    eventsPerSecond: median(rates),
    slowest: Math.min(...rates),
    fastest: Math.max(...rates),
    peakRss: memory.length === 0 ? undefined : median(memory),
    loop:
      loops.length === 0
        ? undefined
        : {
            p50: median(loops.map(({ p50 }) => p50)),
            p99: median(loops.map(({ p99 }) => p99)),
            max: Math.max(...loops.map(({ max }) => max)),
            gcTotal: median(loops.map(({ gcTotal }) => gcTotal)),
            gcMax: Math.max(...loops.map(({ gcMax }) => gcMax)),
            young: Math.max(...loops.map(({ young }) => young)),
          },
  };
}
