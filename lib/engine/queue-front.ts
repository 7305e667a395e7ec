import type { EventBatch } from "./batch.js";
import type { Limits } from "./contracts.js";
import { EventQueue, type Piece } from "./event-queue.js";
import type { TakenFrom } from "./queue-consumer.js";

/** Bytes of events kept in memory after a put, while nobody before them waits where the rest is. */
const KEPT_BYTES = 4 * 1024 * 1024;
/** Read on when less than this is left in memory. */
const READ_BELOW_BYTES = 1024 * 1024;
/** What an event costs in memory beside its bytes: many empty ones are not for nothing. */
const BYTES_PER_EVENT = 32;
/** Read at once. */
export const READ_BYTES = 1024 * 1024;

/**
 * The front of a queue whose rest is on a disk or in a database: what is in memory of it, in order. While the taker
 * keeps up, events never leave memory; what is kept does not grow with the rest.
 */
export class QueueFront implements TakenFrom {
  readonly #events = new EventQueue();
  readonly #runningLow: () => void;
  /** Weight of all that is in memory. */
  #kept = 0;

  /** `runningLow`: something was taken, or there was nothing; it is time to look whether more is to be read. */
  constructor(runningLow: () => void) {
    this.#runningLow = runningLow;
  }

  get ready(): boolean {
    if (this.#events.ready) return true;
    this.#runningLow();
    return false;
  }

  /** More should be read, where there is more. */
  get low(): boolean {
    return this.#kept < READ_BELOW_BYTES;
  }

  take(max: Limits): Piece[] {
    const pieces = this.#events.take(max);
    for (const { batch } of pieces) this.#kept -= weightOf(batch);
    this.#runningLow();
    return pieces;
  }

  giveBack(pieces: readonly Piece[]): void {
    for (const { batch } of pieces) this.#kept += weightOf(batch);
    this.#events.giveBack(pieces);
  }

  /** Events that were just put, behind all others. False when there is no room for them. */
  keep(first: number, batch: EventBatch): boolean {
    if (this.#kept + weightOf(batch) > KEPT_BYTES) return false;
    this.add(first, batch.compact());
    return true;
  }

  /** Events that were read, behind all others. */
  add(first: number, batch: EventBatch): void {
    this.#events.append(first, batch);
    this.#kept += weightOf(batch);
  }
}

function weightOf({ bytes, length }: EventBatch): number {
  return bytes + length * BYTES_PER_EVENT;
}

/** A put in the order of admission, from then until it is settled. */
export interface PutSlot {
  /** Number of its first event. */
  readonly first: number;
  readonly count: number;
  state: "reserved" | "stored" | "given-up";
  batch: EventBatch | undefined;
}

/** Takes out those at the head that are settled: what comes behind one that is not waits for it. */
export function* settledSlots<S extends PutSlot>(slots: S[]): Iterable<S> {
  for (let slot = slots[0]; slot && slot.state !== "reserved"; slot = slots[0]) {
    slots.shift();
    yield slot;
  }
}
