import type { FetchedRecords } from "../records/fetched-records.js";
import type { Handed } from "./delivered-offsets.js";
import type { PartitionState } from "./partition-state.js";

/** Fetched and not handed out; without records where there was nothing to hand out. */
interface Chunk {
  readonly state: PartitionState;
  readonly records: FetchedRecords | undefined;
  readonly start: number;
  readonly end: number;
}

/** Records that were handed out. */
export interface Piece {
  readonly state: PartitionState;
  readonly records: FetchedRecords;
  readonly handed: Handed;
  readonly sequence: number;
}

/** What was fetched and is not handed out, and before it what was given back. */
export class FetchedBuffer {
  readonly #chunks: Chunk[] = [];
  readonly #returned: Piece[] = [];
  #bytes = 0;
  #sequence = 0;

  /** Of keys and values that were never handed out. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Appends what was fetched up to the offset `end`; the partition's position moves there. */
  add(state: PartitionState, records: FetchedRecords | undefined, end: number): void {
    const bytes = records?.valueBytes ?? 0;
    this.#chunks.push({
      state,
      records: records && records.length > 0 ? records : undefined,
      start: state.position,
      end,
    });
    state.position = end;
    state.buffered += bytes;
    this.#bytes += bytes;
  }

  /** They come again, before what follows them. */
  giveBack(pieces: readonly Piece[]): void {
    this.#returned.push(...pieces);
    this.#returned.sort((a, b) => a.sequence - b.sequence || a.handed.start - b.handed.start);
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#returned.length = 0;
  }

  /**
   * The next records in order, or undefined when there are none, or none that fit; `atLeastOne` fits in any case.
   */
  next(events: number, bytes: number, atLeastOne: boolean): Piece | undefined {
    const back = this.#returned[0];
    if (back) {
      const count = fitting(back.records, events, bytes, atLeastOne);
      if (count === 0) return undefined;
      this.#returned.shift();
      if (count === back.records.length) return back;
      const { state, records, sequence } = back;
      const [first, rest] = state.offsets.split(back.handed, records.offset(count));
      this.#returned.unshift({ state, records: records.slice(count, records.length), handed: rest, sequence });
      return { state, records: records.slice(0, count), handed: first, sequence };
    }
    for (let chunk = this.#chunks[0]; chunk; chunk = this.#chunks[0]) {
      const { state, records, start, end } = chunk;
      if (!records) {
        this.#chunks.shift();
        state.offsets.done(state.offsets.hand(start, end));
        state.next = end;
        continue;
      }
      const count = fitting(records, events, bytes, atLeastOne);
      if (count === 0) return undefined;
      const all = count === records.length;
      const until = all ? end : records.offset(count);
      const taken = records.slice(0, count);
      if (all) this.#chunks.shift();
      else this.#chunks[0] = { state, records: records.slice(count, records.length), start: until, end };
      state.buffered -= taken.valueBytes;
      this.#bytes -= taken.valueBytes;
      state.next = until;
      return { state, records: taken, handed: state.offsets.hand(start, until), sequence: this.#sequence++ };
    }
    return undefined;
  }
}

/** How many of the records fit, counted by their values; one at least when there are none before. */
function fitting(records: FetchedRecords, events: number, bytes: number, atLeastOne: boolean): number {
  const most = Math.min(records.length, events);
  if (records.valueBytes <= bytes) return most;
  let count = 0;
  for (let sum = 0; count < most; count++) {
    sum += records.valueSize(count);
    if (sum > bytes) break;
  }
  return count === 0 && atLeastOne ? 1 : count;
}
