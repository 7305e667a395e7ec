import { ServiceError } from "./service-error.js";

/** One LogGroup as it was taken in. */
export interface StoredGroup {
  /** In its wire form. */
  readonly bytes: Buffer;
  readonly logs: number;
  /** Seconds since 1970. */
  readonly receivedAt: number;
}

export interface ShardRange {
  /** 32 hexadecimal digits, included. */
  readonly begin: string;
  /** 32 hexadecimal digits, not included. */
  readonly end: string;
}

const INVALID_CURSOR = (cursor: string): ServiceError =>
  new ServiceError(400, "InvalidCursor", `Cursor ${JSON.stringify(cursor)} is invalid`);

/** How many places trimmed groups may leave at the front before the list is made anew. */
const SPARE_PLACES = 4_096;

/** An append-only list of LogGroups. Reading never changes it, except that what is older than the ttl goes. */
export class Shard {
  readonly id: number;
  readonly range: ShardRange;
  readonly parents: readonly number[];
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** Cursors are dense (official clients take cursor − 1 as the group before), so a place is its number plus this. */
  readonly #base: bigint;
  #groups: (StoredGroup | undefined)[] = [];
  /** Where the oldest kept group is in the list. */
  #head = 0;
  /** Groups that are gone from the list altogether. */
  #forgotten = 0;
  #bytes = 0;
  #writable = true;

  constructor(id: number, range: ShardRange, createdAt: number, parents: readonly number[] = []) {
    this.id = id;
    this.range = range;
    this.createdAt = createdAt;
    this.parents = parents;
    // Inferred: real cursors look like a second and nine digits more.
    this.#base = BigInt(createdAt) * 1_000_000_000n + BigInt(id) * 1_000_000n;
  }

  get writable(): boolean {
    return this.#writable;
  }

  /** What it holds at the moment. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Groups ever taken in; the place of the next one. */
  get end(): number {
    return this.#forgotten + this.#groups.length;
  }

  /** The place of the oldest kept group. */
  get begin(): number {
    return this.#forgotten + this.#head;
  }

  close(): void {
    this.#writable = false;
  }

  append(group: StoredGroup): void {
    if (!this.#writable) throw new Error(`Shard ${this.id} is read-only`);
    const last = this.#groups.at(-1);
    if (last && last.receivedAt > group.receivedAt) throw new Error("Groups are received in the order of time");
    this.#groups.push(group);
    this.#bytes += group.bytes.length;
  }

  /** Lets go of what was received before a time (seconds since 1970). */
  trim(before: number): void {
    for (;;) {
      const oldest = this.#groups[this.#head];
      if (!oldest || oldest.receivedAt >= before) break;
      this.#groups[this.#head++] = undefined;
      this.#bytes -= oldest.bytes.length;
    }
    if (this.#head < SPARE_PLACES) return;
    this.#groups = this.#groups.slice(this.#head);
    this.#forgotten += this.#head;
    this.#head = 0;
  }

  at(place: number): StoredGroup | undefined {
    return this.#groups[place - this.#forgotten];
  }

  /** The place of the first kept group received at or after a time; the end when there is none. */
  firstSince(time: number): number {
    let low = this.begin;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.at(middle)?.receivedAt ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  cursorOf(place: number): string {
    return Buffer.from(String(this.#base + BigInt(place))).toString("base64");
  }

  /**
   * Where a cursor points, whether anything is kept there or not; negative before the first group.
   * @throws ServiceError when it is no cursor at all
   */
  placeOf(cursor: string): number {
    // The official Python client sends some with a newline at the end.
    const text = cursor.trim();
    const decoded = Buffer.from(text, "base64").toString("latin1").trim();
    if (!isBase64(text) || !/^\d{1,19}$/.test(decoded)) throw INVALID_CURSOR(cursor);
    return Number(BigInt(decoded) - this.#base);
  }

  /**
   * Where a cursor points between the oldest kept group and the end, both included.
   * @throws ServiceError otherwise. Inferred: a cursor beyond the end is as invalid as one whose group is gone.
   */
  keptPlaceOf(cursor: string): number {
    const place = this.placeOf(cursor);
    if (place < this.begin || place > this.end) throw INVALID_CURSOR(cursor);
    return place;
  }
}

export const isBase64 = (text: string): boolean =>
  text.length > 0 && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
