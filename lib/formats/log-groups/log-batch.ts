import { copyPays, type EventBatch } from "../../engine/batch.js";
import { createEvent, type FlumeEvent } from "../../engine/event.js";
import type { GroupHeaders } from "./group-fields.js";

/** What a `LogBatch` is made of; batches made by one conversion share the bytes. */
export interface ConvertedLogs {
  /** Bodies one after the other. */
  readonly bytes: Buffer;
  /** Where the first body begins. */
  readonly start: number;
  /** Where each body ends. */
  readonly ends: Int32Array;
  /** Milliseconds since 1970. */
  readonly times: Float64Array;
  /** For each event the place of its headers in `headers`. */
  readonly groups: Uint32Array;
  readonly headers: readonly GroupHeaders[];
}

/** Logs as events: bodies in one piece of memory, events made only when somebody looks at them. */
export class LogBatch implements EventBatch {
  readonly #logs: ConvertedLogs;
  readonly #first: number;
  readonly length: number;
  #bytes = -1;

  /** Of the logs `first` to `last` (exclusive). */
  constructor(logs: ConvertedLogs, first = 0, last = logs.ends.length) {
    this.#logs = logs;
    this.#first = first;
    this.length = last - first;
  }

  get bytes(): number {
    if (this.#bytes < 0) {
      const { groups, headers } = this.#logs;
      let bytes = this.#endOf(this.length - 1) - this.#endOf(-1);
      for (let i = 0; i < this.length; i++) {
        bytes += (headers[groups[this.#first + i] as number] as GroupHeaders).bytes;
      }
      this.#bytes = bytes;
    }
    return this.#bytes;
  }

  at(index: number): FlumeEvent {
    const { bytes, times, groups, headers } = this.#logs;
    const log = this.#first + index;
    const group = headers[groups[log] as number] as GroupHeaders;
    return createEvent(bytes.subarray(this.#endOf(index - 1), this.#endOf(index)), group.at(times[log] as number));
  }

  slice(start: number, end: number): EventBatch {
    if (start === 0 && end === this.length) return this;
    return new LogBatch(this.#logs, this.#first + start, this.#first + end);
  }

  compact(): EventBatch {
    const { bytes, times, groups, headers } = this.#logs;
    const kept = bytes.buffer.byteLength + this.#logs.ends.byteLength + times.byteLength + groups.byteLength;
    if (!copyPays(kept, this.bytes)) return this;
    const from = this.#endOf(-1);
    const to = this.#endOf(this.length - 1);
    const own = Buffer.allocUnsafeSlow(to - from);
    bytes.copy(own, 0, from, to);
    const ends = new Int32Array(this.length);
    for (let i = 0; i < this.length; i++) ends[i] = this.#endOf(i) - from;
    const last = this.#first + this.length;
    return new LogBatch({
      bytes: own,
      start: 0,
      ends,
      times: times.slice(this.#first, last),
      groups: groups.slice(this.#first, last),
      headers,
    });
  }

  *[Symbol.iterator](): Iterator<FlumeEvent> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  #endOf(index: number): number {
    const log = this.#first + index;
    return log < 0 ? this.#logs.start : (this.#logs.ends[log] as number);
  }
}
