import { flumeUnavailable } from "../test/counterparts/flume/agent";
import type { Quietness } from "./measure/quietness";
import type { Table } from "./report/table";

/** How a bench is run this time. */
export interface BenchOptions {
  readonly rounds: number;
  /** Multiplies counts of events and lengths of windows. */
  readonly scale: number;
  /** Whether the side of a real Flume is run: it needs Java. */
  readonly flume: boolean;
  /** Where Node-RED writes processor profiles; undefined for none. */
  readonly profileInto: string | undefined;
  readonly quietness: Quietness;
  /** Tells the person who waits what is being done. */
  say(text: string): void;
}

/** Something that the project promises, and what this run found. */
export interface Bar {
  readonly what: string;
  readonly wanted: string;
  readonly got: string;
  /** Undefined when this run could not tell. */
  readonly met: boolean | undefined;
}

export interface Report {
  readonly tables: readonly Table[];
  readonly bars: readonly Bar[];
}

export interface Bench {
  /** What it measures, in one line. */
  readonly about: string;
  run(options: BenchOptions): Promise<Report>;
}

/** Whether the Flume side can be run, having said why not when it cannot. */
export async function flumeAvailable(say: (text: string) => void): Promise<boolean> {
  const reason = await flumeUnavailable();
  if (reason !== undefined) say(`without Flume: ${reason}`);
  return reason === undefined;
}
