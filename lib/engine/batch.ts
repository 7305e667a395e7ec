import { copyHeaders, createEvent, eventBytes, type FlumeEvent, type MutableHeaders } from "./event.js";

/**
 * Events that travel together: the unit of a transaction. Immutable. What is inside may differ
 * (an array, one read of a socket with line offsets, the same event many times).
 */
export interface EventBatch extends Iterable<FlumeEvent> {
  readonly length: number;
  /** Bodies and headers, as `eventBytes` counts them. */
  readonly bytes: number;
  at(index: number): FlumeEvent;
  /** Events `start` (inclusive) to `end` (exclusive); shares memory with this batch. */
  slice(start: number, end: number): EventBatch;
  /** This batch, or a copy of it where it keeps far more memory alive than `bytes` tells. For whoever holds it for long. */
  compact(): EventBatch;
}

/** A copy pays when more than this multiple of the counted bytes is kept alive … */
const COMPACT_RATIO = 2;
/** … and at least this many bytes would be freed. */
const COMPACT_GAIN = 1024;

/** Whether whoever holds `bytes` of events for long should copy them, given that `kept` bytes stay alive with them. */
export function copyPays(kept: number, bytes: number): boolean {
  return kept > bytes * COMPACT_RATIO && kept - bytes >= COMPACT_GAIN;
}

class ArrayBatch implements EventBatch {
  readonly #events: readonly FlumeEvent[];
  readonly #start: number;
  readonly length: number;
  #bytes = -1;

  constructor(events: readonly FlumeEvent[], start = 0, end = events.length) {
    this.#events = events;
    this.#start = start;
    this.length = end - start;
  }

  get bytes(): number {
    if (this.#bytes < 0) {
      let bytes = 0;
      for (let i = 0; i < this.length; i++) bytes += eventBytes(this.at(i));
      this.#bytes = bytes;
    }
    return this.#bytes;
  }

  at(index: number): FlumeEvent {
    return this.#events[this.#start + index] as FlumeEvent;
  }

  slice(start: number, end: number): EventBatch {
    return start === 0 && end === this.length
      ? this
      : new ArrayBatch(this.#events, this.#start + start, this.#start + end);
  }

  compact(): EventBatch {
    let kept = 0;
    let last: ArrayBufferLike | undefined;
    for (let i = 0; i < this.length; i++) {
      const { buffer } = this.at(i).body;
      // Bodies cut from one read follow each other, so looking one back finds nearly all sharing.
      if (buffer !== last) kept += buffer.byteLength;
      last = buffer;
    }
    if (!copyPays(kept, this.bytes)) return this.length === this.#events.length ? this : new ArrayBatch([...this]);
    return copyBodies(this);
  }

  *[Symbol.iterator](): Iterator<FlumeEvent> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** The events of `batch` with their bodies copied into one allocation of their own. */
export function copyBodies(batch: EventBatch): EventBatch {
  let total = 0;
  for (let i = 0; i < batch.length; i++) total += batch.at(i).body.length;
  const memory = Buffer.allocUnsafeSlow(total);
  const events: FlumeEvent[] = new Array(batch.length);
  let offset = 0;
  for (let i = 0; i < batch.length; i++) {
    const { headers, body } = batch.at(i);
    body.copy(memory, offset);
    events[i] = createEvent(memory.subarray(offset, offset + body.length), headers);
    offset += body.length;
  }
  return new ArrayBatch(events);
}

class RepeatedBatch implements EventBatch {
  readonly #event: FlumeEvent;
  readonly length: number;

  constructor(event: FlumeEvent, length: number) {
    this.#event = event;
    this.length = length;
  }

  get bytes(): number {
    return this.length * eventBytes(this.#event);
  }

  at(): FlumeEvent {
    return this.#event;
  }

  slice(start: number, end: number): EventBatch {
    return new RepeatedBatch(this.#event, end - start);
  }

  compact(): EventBatch {
    return this;
  }

  *[Symbol.iterator](): Iterator<FlumeEvent> {
    for (let i = 0; i < this.length; i++) yield this.#event;
  }
}

class JoinedBatch implements EventBatch {
  readonly #parts: readonly EventBatch[];
  readonly length: number;
  readonly bytes: number;
  // Readers go forward, so the part of the last look-up is nearly always the part of the next.
  #part = 0;
  #partStart = 0;

  constructor(parts: readonly EventBatch[]) {
    this.#parts = parts;
    let length = 0;
    let bytes = 0;
    for (const part of parts) {
      length += part.length;
      bytes += part.bytes;
    }
    this.length = length;
    this.bytes = bytes;
  }

  at(index: number): FlumeEvent {
    if (index < this.#partStart) {
      this.#part = 0;
      this.#partStart = 0;
    }
    let part = this.#parts[this.#part] as EventBatch;
    while (index >= this.#partStart + part.length) {
      this.#partStart += part.length;
      part = this.#parts[++this.#part] as EventBatch;
    }
    return part.at(index - this.#partStart);
  }

  slice(start: number, end: number): EventBatch {
    const parts: EventBatch[] = [];
    let offset = 0;
    for (const part of this.#parts) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, part.length);
      if (from < to) parts.push(part.slice(from, to));
      offset += part.length;
    }
    return joinBatches(parts);
  }

  compact(): EventBatch {
    return joinBatches(this.#parts.map((part) => part.compact()));
  }

  *[Symbol.iterator](): Iterator<FlumeEvent> {
    for (const part of this.#parts) yield* part;
  }
}

export const EMPTY_BATCH: EventBatch = new ArrayBatch([]);

/** The array must not be changed afterwards. */
export function batchOf(events: readonly FlumeEvent[]): EventBatch {
  return new ArrayBatch(events);
}

/** The same event `length` times, in constant memory. */
export function repeatedBatch(event: FlumeEvent, length: number): EventBatch {
  return new RepeatedBatch(event, length);
}

/** The events of all parts, in order, without copying. */
export function joinBatches(parts: readonly EventBatch[]): EventBatch {
  if (parts.length === 0) return EMPTY_BATCH;
  return parts.length === 1 ? (parts[0] as EventBatch) : new JoinedBatch(parts);
}

/**
 * Edits one batch: what interceptors work on. Events are copied when first changed, so whoever
 * else holds them sees no change.
 */
export class BatchEditor {
  readonly #source: EventBatch;
  #edited: (FlumeEvent | undefined)[] | undefined;
  #dropped = 0;

  constructor(source: EventBatch) {
    this.#source = source;
  }

  /** Events before any drop: indexes stay valid while editing. */
  get length(): number {
    return this.#source.length;
  }

  /** The event as edited so far, or undefined once dropped. */
  at(index: number): FlumeEvent | undefined {
    return this.#edited ? this.#edited[index] : this.#source.at(index);
  }

  /** The event's own headers, free to change in place. */
  headers(index: number): MutableHeaders {
    const edited = this.#materialise();
    const event = edited[index];
    if (event instanceof EditedEvent) return event.headers;
    const own = new EditedEvent(event as FlumeEvent);
    edited[index] = own;
    return own.headers;
  }

  setBody(index: number, body: Buffer): void {
    const edited = this.#materialise();
    const event = edited[index];
    if (event instanceof EditedEvent) event.body = body;
    else {
      const own = new EditedEvent(event as FlumeEvent);
      own.body = body;
      edited[index] = own;
    }
  }

  drop(index: number): void {
    const edited = this.#materialise();
    if (edited[index] === undefined) return;
    edited[index] = undefined;
    this.#dropped++;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** The edited batch. The editor must not be used afterwards. */
  finish(): EventBatch {
    if (!this.#edited) return this.#source;
    if (this.#dropped === 0) return batchOf(this.#edited as FlumeEvent[]);
    return batchOf(this.#edited.filter((event) => event !== undefined));
  }

  #materialise(): (FlumeEvent | undefined)[] {
    if (!this.#edited) {
      const events: (FlumeEvent | undefined)[] = new Array(this.#source.length);
      for (let i = 0; i < events.length; i++) events[i] = this.#source.at(i);
      this.#edited = events;
    }
    return this.#edited;
  }
}

class EditedEvent implements FlumeEvent {
  readonly headers: MutableHeaders;
  body: Buffer;

  constructor(from: FlumeEvent) {
    this.headers = copyHeaders(from.headers);
    this.body = from.body;
  }
}
