import type { LoopDelay } from "../load/loop-probe";

/** One side of a comparison: something that runs, counts the events that left its channels, and can be stopped. */
export interface Pipeline {
  /** Events taken out of all channels since the start. */
  taken(): Promise<number>;
  /** Bytes; stays known after the stop. */
  peakRss(): number | undefined;
  /** Only where there is an event loop. */
  loopDelay?(): Promise<LoopDelay>;
  /** Measures the event-loop delay from now on. */
  resetLoopDelay?(): Promise<void>;
  /** The end of the log, for errors. */
  log(): string;
  stop(): Promise<void>;
}

export interface Measured {
  readonly eventsPerSecond: number;
  readonly peakRss?: number | undefined;
  readonly loop?: LoopDelay | undefined;
}

/** Runs a measurement on a side, adds what it cost, and stops the side whatever happens. */
export async function measure(pipeline: Pipeline, rate: (pipeline: Pipeline) => Promise<number>): Promise<Measured> {
  try {
    await pipeline.resetLoopDelay?.();
    const eventsPerSecond = await rate(pipeline);
    return { eventsPerSecond, peakRss: pipeline.peakRss(), loop: await pipeline.loopDelay?.() };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${pipeline.log()}`, { cause: error });
  } finally {
    await pipeline.stop();
  }
}
