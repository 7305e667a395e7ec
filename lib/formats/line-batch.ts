import { copyPays, type EventBatch } from "../engine/batch.js";
import { createEvent, type FlumeEvent } from "../engine/event.js";

const NEWLINE = 10;

/**
 * The lines of one read of a socket or file: the bytes as they came, and where each line ends. Events are
 * made only when somebody looks at them.
 */
export class LineBatch implements EventBatch {
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #ends: Int32Array;
  readonly #first: number;
  readonly length: number;

  /** Lines `first` to `last` (exclusive) of those that `ends` tells the newlines of; line 0 begins at `start`. */
  constructor(bytes: Buffer, start: number, ends: Int32Array, first = 0, last = ends.length) {
    this.#bytes = bytes;
    this.#start = start;
    this.#ends = ends;
    this.#first = first;
    this.length = last - first;
  }

  get bytes(): number {
    return this.length === 0 ? 0 : this.#endOf(this.length - 1) - this.#startOf(0) - (this.length - 1);
  }

  at(index: number): FlumeEvent {
    return createEvent(this.#bytes.subarray(this.#startOf(index), this.#endOf(index)));
  }

  slice(start: number, end: number): EventBatch {
    if (start === 0 && end === this.length) return this;
    return new LineBatch(this.#bytes, this.#start, this.#ends, this.#first + start, this.#first + end);
  }

  compact(): EventBatch {
    const kept = this.#bytes.buffer.byteLength + this.#ends.buffer.byteLength;
    if (this.length === 0 || !copyPays(kept, this.bytes)) return this;
    const from = this.#startOf(0);
    const to = this.#endOf(this.length - 1);
    const bytes = Buffer.allocUnsafeSlow(to - from);
    this.#bytes.copy(bytes, 0, from, to);
    const ends = new Int32Array(this.length);
    for (let i = 0; i < this.length; i++) ends[i] = this.#endOf(i) - from;
    return new LineBatch(bytes, 0, ends);
  }

  *[Symbol.iterator](): Iterator<FlumeEvent> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  #startOf(index: number): number {
    const line = this.#first + index;
    return line === 0 ? this.#start : (this.#ends[line - 1] as number) + 1;
  }

  #endOf(index: number): number {
    return this.#ends[this.#first + index] as number;
  }
}

/** Grows to the most lines that one read ever had; cut to size for each batch. */
let scratch = new Int32Array(1024);

export interface Lines {
  readonly batch: LineBatch;
  /** Where the text behind the last newline (or behind the line that is too long) begins. */
  readonly rest: number;
  /** A line is longer than allowed: `batch` ends before it. */
  readonly tooLong: boolean;
}

/**
 * The complete lines of `bytes` from `start` on, without their newlines; a carriage return stays. Stops at a
 * line for which `isTooLong(from, to)`, which is asked only for lines of more than `suspicious` bytes.
 */
export function splitLines(
  bytes: Buffer,
  start: number,
  suspicious: number,
  isTooLong: (from: number, to: number) => boolean,
): Lines {
  let count = 0;
  let from = start;
  let tooLong = false;
  for (let end = bytes.indexOf(NEWLINE, from); end !== -1; end = bytes.indexOf(NEWLINE, from)) {
    if (end - from > suspicious && isTooLong(from, end)) {
      tooLong = true;
      break;
    }
    if (count === scratch.length) {
      const larger = new Int32Array(count * 2);
      larger.set(scratch);
      scratch = larger;
    }
    scratch[count++] = end;
    from = end + 1;
  }
  return { batch: new LineBatch(bytes, start, scratch.slice(0, count)), rest: from, tooLong };
}
