import { sleep } from "../../engine/backoff.js";
import type { ComponentContext } from "../../engine/component.js";
import { HeadraceError } from "../../engine/errors.js";
import { copyHeaders, createEvent, type FlumeEvent } from "../../engine/event.js";
import { checkFlumeEvent, readFlumeEvent } from "../../formats/flume-avro-event.js";
import type { PolledPiece } from "./port.js";
import type { FetchedRecords } from "./records/fetched-records.js";

/** What happens to a record that is no event in Flume's format: wait for a person, leave it out, take it as it is. */
export const MALFORMED = ["block", "drop", "raw"] as const;
export type Malformed = (typeof MALFORMED)[number];

/** Tells why an event came as the record was. */
const MALFORMED_HEADER = "flume.malformed";
const EMPTY = Buffer.alloc(0);
/** Records that wait are told of so often, and those that are left out at most so often, in milliseconds. */
const TELL_EVERY = 60_000;

/** Reads the event in a record's value; of one that is none, where such were not kept out before, the value is the body. */
export function flumeEventIn(records: FetchedRecords, index: number): FlumeEvent {
  const value = records.value(index) ?? EMPTY;
  try {
    return readFlumeEvent(value);
  } catch (error) {
    const headers = copyHeaders();
    headers[MALFORMED_HEADER] = error instanceof Error ? error.message : String(error);
    return createEvent(value, headers);
  }
}

/** Keeps records away that are no events in Flume's format, as the user wants it. */
export class MalformedRecords {
  readonly #wanted: Malformed;
  readonly #context: Pick<ComponentContext, "counters" | "log" | "report">;
  #toldAt = Number.NEGATIVE_INFINITY;
  #waiting = 0;

  constructor(wanted: Malformed, context: Pick<ComponentContext, "counters" | "log" | "report">) {
    this.#wanted = wanted;
    this.#context = context;
  }

  /** Some are held back until a person has decided. */
  get waits(): boolean {
    return this.#waiting > 0;
  }

  /**
   * The records to go on with, in order. With `block` a malformed one is reported, and nothing comes until one of the
   * signals aborts: the records belong to somebody else then, or the node is stopped.
   */
  async sift(piece: PolledPiece, lost: AbortSignal, stop: AbortSignal): Promise<readonly FetchedRecords[]> {
    const { topic, partition, records } = piece;
    if (this.#wanted === "raw") return [records];
    const first = nextMalformed(records, 0);
    if (first === records.length) return [records];
    const offset = records.offset(first);
    const reason = malformation(records, first) ?? "";
    const error = new HeadraceError("FLUME_KAFKA_RECORDS_UNREADABLE", { topic, partition, offset, reason });
    this.#context.counters.add("EventReadFail");
    if (this.#wanted === "block") return await this.#wait(error, AbortSignal.any([lost, stop]));
    const good = runsOfGood(records, first);
    const dropped = good.reduce((left, { length }) => left - length, records.length);
    this.#context.counters.add("EventDropCount", dropped);
    if (performance.now() - this.#toldAt > TELL_EVERY) {
      this.#toldAt = performance.now();
      this.#context.log.warn(`${error.message} Dropped as set.`);
    }
    return good;
  }

  async #wait(error: HeadraceError, ended: AbortSignal): Promise<readonly FetchedRecords[]> {
    this.#waiting++;
    while (!ended.aborted) {
      // Again and again: whatever else goes wrong meanwhile and is well again, this is not.
      this.#context.report(error);
      await sleep(TELL_EVERY, ended);
    }
    this.#waiting--;
    this.#context.report();
    return [];
  }
}

/** Why a record is no event in Flume's format, or undefined. */
function malformation(records: FetchedRecords, index: number): string | undefined {
  const value = records.value(index);
  if (!value) return "the record has no value";
  try {
    checkFlumeEvent(value, 0, value.length);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** From `start` on; the number of records when all are events. */
function nextMalformed(records: FetchedRecords, start: number): number {
  let i = start;
  while (i < records.length && malformation(records, i) === undefined) i++;
  return i;
}

function runsOfGood(records: FetchedRecords, firstMalformed: number): FetchedRecords[] {
  const runs: FetchedRecords[] = [];
  let start = 0;
  let bad = firstMalformed;
  for (;;) {
    if (bad > start) runs.push(records.slice(start, bad));
    if (bad === records.length) return runs;
    start = bad + 1;
    bad = nextMalformed(records, start);
  }
}
