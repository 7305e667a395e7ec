import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Limits } from "../../../lib/engine/contracts.js";
import type { Piece } from "../../../lib/engine/event-queue.js";
import { type PutSlot, QueueFront, READ_BYTES, settledSlots } from "../../../lib/engine/queue-front.js";
import type { TakenFrom } from "../../../lib/engine/queue-consumer.js";
import { batchesOfRows, type PackedRows } from "./packed-events.js";
import type { Held, IdRange } from "./store.js";

/** Milliseconds until a read that failed is tried again. */
const READ_AGAIN_AFTER = 1000;

export interface RowQueueEvents {
  read(range: IdRange, bytes: number): Promise<PackedRows>;
  /** There may be more to take. */
  more(): void;
  /** The database could not be read now; it is tried again. */
  readFailed(error: unknown): void;
  /** Somebody else has put so many rows into the table, or, below zero, has taken them out. */
  changed(events: number): void;
}

/**
 * The queue over a table, in order of admission: slots of puts under way, events in memory, and behind them one range
 * of ids that is only in the table. While the taker keeps up, events are never read back; when it is far behind, they
 * come in large pieces. What it keeps in memory does not grow with the table.
 */
export class RowQueue implements TakenFrom {
  readonly #events: RowQueueEvents;
  #nextId: number;
  readonly #slots: PutSlot[] = [];
  readonly #front = new QueueFront(() => this.#load());
  /** Ids that are only in the table, and how many events should be there. */
  #from: number;
  #to: number;
  #inTable: number;
  #loading = false;
  #readAgain: NodeJS.Timeout | undefined;
  /** Puts that were refused and may be in the table all the same, until it is sure that they are not. */
  #doubtful = 0;
  #closed = false;

  constructor({ events, first, next }: Held, given: RowQueueEvents) {
    this.#events = given;
    this.#nextId = next;
    this.#from = first;
    this.#to = events > 0 ? next : first;
    this.#inTable = events;
  }

  reserve(count: number): PutSlot {
    const slot: PutSlot = { first: this.#nextId, count, state: "reserved", batch: undefined };
    this.#nextId += count;
    this.#slots.push(slot);
    return slot;
  }

  /** The put is safe: its events may be taken once all before it are settled. */
  stored(slot: PutSlot, batch: EventBatch): void {
    slot.state = "stored";
    slot.batch = batch;
    this.#moveSettled();
  }

  giveUp(slot: PutSlot): void {
    slot.state = "given-up";
    this.#moveSettled();
  }

  /** Nothing is read until `doubtOver`. */
  doubt(): void {
    this.#doubtful++;
  }

  doubtOver(): void {
    this.#doubtful--;
    this.#events.more();
  }

  get ready(): boolean {
    return this.#front.ready;
  }

  take(max: Limits): Piece[] {
    return this.#front.take(max);
  }

  giveBack(pieces: readonly Piece[]): void {
    this.#front.giveBack(pieces);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#readAgain);
  }

  #moveSettled(): void {
    let moved = false;
    for (const { state, first, count, batch } of settledSlots(this.#slots)) {
      if (state === "stored" && count > 0) this.#publish(first, batch as EventBatch);
      moved = true;
    }
    if (moved) this.#events.more();
  }

  #publish(first: number, batch: EventBatch): void {
    const nothingBefore = this.#from === this.#to && !this.#loading;
    if (nothingBefore && this.#front.keep(first, batch)) return;
    if (this.#from === this.#to) this.#from = first;
    this.#to = first + batch.length;
    this.#inTable += batch.length;
  }

  #load(): void {
    if (this.#loading || this.#closed || this.#readAgain || this.#doubtful > 0) return;
    if (!this.#front.low || this.#from === this.#to) return;
    this.#loading = true;
    void this.#loadSome({ from: this.#from, to: this.#to });
  }

  async #loadSome(range: IdRange): Promise<void> {
    try {
      const rows = await this.#events.read(range, READ_BYTES);
      if (this.#closed) return;
      for (const { first, batch } of batchesOfRows(rows)) this.#front.add(first, batch);
      this.#inTable -= rows.ids.length;
      this.#from = rows.last ? range.to : (rows.ids.at(-1) as number) + 1;
    } catch (error) {
      if (this.#closed) return;
      this.#readAgain = setTimeout(() => {
        this.#readAgain = undefined;
        this.#events.more();
      }, READ_AGAIN_AFTER);
      this.#events.readFailed(error);
      return;
    } finally {
      this.#loading = false;
    }
    this.#compareCount();
    this.#events.more();
    this.#load();
  }

  /** Once everything has been read, it shows whether somebody else was at the table. */
  #compareCount(): void {
    if (this.#from !== this.#to || this.#inTable === 0) return;
    const more = -this.#inTable;
    this.#inTable = 0;
    this.#events.changed(more);
  }
}
