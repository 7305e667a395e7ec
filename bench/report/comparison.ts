import type { Bar } from "../bench";
import type { Summary } from "../measure/rounds";
import { eventRate, megabytes, milliseconds, percent, times } from "./figures";
import type { Table } from "./table";

/** Names of sides, the same in every bench. */
export const CEILING = "raw ceiling";
export const OURS = "Headrace in Node-RED 5";
export const FLUME = "Flume 1.11";

/** The rounds of several sides beside each other, each with its ratio to the ceiling and to Flume where they ran. */
export function comparison(title: string, sides: readonly Summary[]): Table {
  const ceiling = named(sides, CEILING);
  const flume = named(sides, FLUME);
  return {
    title,
    columns: [
      "side",
      "events/s",
      "slowest – fastest",
      ...(ceiling ? ["of ceiling"] : []),
      ...(flume ? ["to Flume"] : []),
      "peak memory",
      "loop p50",
      "p99",
      "max",
      "GC",
    ],
    rows: sides.map((side) => [
      side.name,
      eventRate(side.eventsPerSecond),
      `${thousands(side.slowest)} – ${thousands(side.fastest)}`,
      ...(ceiling ? [percent(side.eventsPerSecond / ceiling.eventsPerSecond)] : []),
      ...(flume ? [times(side.eventsPerSecond / flume.eventsPerSecond)] : []),
      megabytes(side.peakRss),
      milliseconds(side.loop?.p50),
      milliseconds(side.loop?.p99),
      milliseconds(side.loop?.max),
      milliseconds(side.loop?.gcTotal),
    ]),
  };
}

export function named(sides: readonly Summary[], name: string): Summary | undefined {
  return sides.find((side) => side.name === name);
}

/** At least so many events a second, on a machine with nothing else to do. */
export function rateBar(what: string, side: Summary | undefined, wanted: number): Bar {
  const got = side?.eventsPerSecond;
  return {
    what,
    wanted: `≥ ${eventRate(wanted)} events/s`,
    got: got === undefined ? "not measured" : `${eventRate(got)} events/s`,
    met: got === undefined ? undefined : got >= wanted,
  };
}

/** At least so many times as fast as another side of the same run. */
export function ratioBar(what: string, side: Summary | undefined, other: Summary | undefined, wanted: number): Bar {
  const got = side && other ? side.eventsPerSecond / other.eventsPerSecond : undefined;
  const text = wanted < 1 ? percent : times;
  return {
    what,
    wanted: `≥ ${text(wanted)}`,
    got: got === undefined ? "not measured" : text(got),
    met: got === undefined ? undefined : got >= wanted,
  };
}

/** Less memory at its peak than another side of the same run. */
export function memoryBar(what: string, side: Summary | undefined, other: Summary | undefined): Bar {
  const got = side?.peakRss;
  const limit = other?.peakRss;
  return {
    what,
    wanted: limit === undefined ? "below Flume" : `< ${megabytes(limit)}`,
    got: got === undefined ? "not measured" : megabytes(got),
    met: got === undefined || limit === undefined ? undefined : got < limit,
  };
}

function thousands(eventsPerSecond: number): string {
  return `${Math.round(eventsPerSecond / 1000).toLocaleString("en")} k`;
}
