import { readNumber, writeNumber } from "./record.js";

/** Where a record of events lies, and which of its events are meant. */
export interface Entry {
  /** Number of the first event meant. */
  readonly first: number;
  readonly count: number;
  /** Events of the record before the first one meant. */
  readonly skip: number;
  readonly segment: number;
  readonly offset: number;
  /** Of the whole record. */
  readonly length: number;
}

const CHUNK = 4096;
const FIELDS = 5;

/** Entries packed into flat arrays: a million cost 28 MB, where as many objects would cost four times that. */
interface Chunk {
  readonly firsts: Float64Array;
  readonly fields: Uint32Array;
}

/** Of an entry in a checkpoint. */
export const ENTRY_BYTES = 8 + FIELDS * 4;

/** What a queue held at one moment. Entries never change once they are in, so nothing is copied. */
export class EntrySnapshot {
  readonly #chunks: readonly Chunk[];
  readonly #head: number;
  readonly length: number;

  constructor(chunks: readonly Chunk[], head: number, length: number) {
    this.#chunks = chunks;
    this.#head = head;
    this.length = length;
  }

  get bytes(): number {
    return this.length * ENTRY_BYTES;
  }

  /** Writes all entries at `at`, chunk by chunk; `pause` is awaited between two. */
  async write(into: Buffer, at: number, pause: () => Promise<void>): Promise<void> {
    let left = this.length;
    let from = this.#head;
    for (const { firsts, fields } of this.#chunks) {
      const count = Math.min(CHUNK - from, left);
      for (let i = from; i < from + count; i++) {
        writeNumber(into, firsts[i] as number, at);
        for (let field = 0; field < FIELDS; field++) {
          into.writeUInt32LE(fields[i * FIELDS + field] as number, at + 8 + field * 4);
        }
        at += ENTRY_BYTES;
      }
      left -= count;
      from = 0;
      await pause();
    }
  }
}

export function writeEntry(into: Buffer, at: number, entry: Entry): number {
  writeNumber(into, entry.first, at);
  into.writeUInt32LE(entry.count, at + 8);
  into.writeUInt32LE(entry.skip, at + 12);
  into.writeUInt32LE(entry.segment, at + 16);
  into.writeUInt32LE(entry.offset, at + 20);
  into.writeUInt32LE(entry.length, at + 24);
  return at + ENTRY_BYTES;
}

export function* readEntries(from: Buffer): Iterable<Entry> {
  for (let at = 0; at + ENTRY_BYTES <= from.length; at += ENTRY_BYTES) {
    yield {
      first: readNumber(from, at),
      count: from.readUInt32LE(at + 8),
      skip: from.readUInt32LE(at + 12),
      segment: from.readUInt32LE(at + 16),
      offset: from.readUInt32LE(at + 20),
      length: from.readUInt32LE(at + 24),
    };
  }
}

/** Entries in order of event number: first in, first out. */
export class EntryQueue {
  readonly #chunks: Chunk[] = [];
  #head = 0;
  #length = 0;
  #events = 0;

  get length(): number {
    return this.#length;
  }

  get events(): number {
    return this.#events;
  }

  at(index: number): Entry {
    const place = this.#head + index;
    const { firsts, fields } = this.#chunks[Math.floor(place / CHUNK)] as Chunk;
    const i = place % CHUNK;
    const field = i * FIELDS;
    return {
      first: firsts[i] as number,
      count: fields[field] as number,
      skip: fields[field + 1] as number,
      segment: fields[field + 2] as number,
      offset: fields[field + 3] as number,
      length: fields[field + 4] as number,
    };
  }

  push(entry: Entry): void {
    const place = this.#head + this.#length;
    if (place === this.#chunks.length * CHUNK) {
      this.#chunks.push({ firsts: new Float64Array(CHUNK), fields: new Uint32Array(CHUNK * FIELDS) });
    }
    this.#length++;
    this.#events += entry.count;
    this.#set(this.#length - 1, entry);
  }

  /**
   * As `push`, but to its place: records of concurrent puts stand in the log as they were committed, not as
   * they were admitted. False when there is one of this number already.
   */
  insert(entry: Entry): boolean {
    let place = this.#length;
    while (place > 0 && this.#firstAt(place - 1) > entry.first) place--;
    if (place > 0 && this.#firstAt(place - 1) === entry.first) return false;
    this.push(entry);
    for (let i = this.#length - 1; i > place; i--) this.#set(i, this.at(i - 1));
    if (place < this.#length - 1) this.#set(place, entry);
    return true;
  }

  shift(): Entry | undefined {
    if (this.#length === 0) return undefined;
    const entry = this.at(0);
    this.#head++;
    this.#length--;
    this.#events -= entry.count;
    if (this.#head === CHUNK) {
      this.#chunks.shift();
      this.#head = 0;
    }
    return entry;
  }

  snapshot(): EntrySnapshot {
    return new EntrySnapshot([...this.#chunks], this.#head, this.#length);
  }

  *[Symbol.iterator](): Iterator<Entry> {
    for (let i = 0; i < this.#length; i++) yield this.at(i);
  }

  #firstAt(index: number): number {
    const place = this.#head + index;
    return (this.#chunks[Math.floor(place / CHUNK)] as Chunk).firsts[place % CHUNK] as number;
  }

  #set(index: number, entry: Entry): void {
    const place = this.#head + index;
    const { firsts, fields } = this.#chunks[Math.floor(place / CHUNK)] as Chunk;
    const i = place % CHUNK;
    const field = i * FIELDS;
    firsts[i] = entry.first;
    fields[field] = entry.count;
    fields[field + 1] = entry.skip;
    fields[field + 2] = entry.segment;
    fields[field + 3] = entry.offset;
    fields[field + 4] = entry.length;
  }
}
