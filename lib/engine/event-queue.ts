import { type EventBatch, joinBatches } from "./batch.js";
import type { Limits } from "./contracts.js";

/** A run of events with its place in the order of admission: `sequence` of the put, `offset` within it. */
export interface Piece {
  readonly sequence: number;
  readonly offset: number;
  readonly batch: EventBatch;
}

/** A place in the queue, held from admission to commit so that later puts stay behind. */
export interface Slot {
  readonly sequence: number;
  offset: number;
  batch: EventBatch | undefined;
  state: "reserved" | "ready" | "aborted";
}

function comesBefore(a: Piece, b: Piece): boolean {
  return a.sequence < b.sequence || (a.sequence === b.sequence && a.offset < b.offset);
}

/**
 * Events in order of admission. Batches are kept as they came and cut only where a take ends, so putting
 * and taking cost the same for one event and for a thousand.
 */
export class EventQueue {
  #slots: Slot[] = [];
  #head = 0;
  #nextSequence = 0;
  /** Rolled back pieces, in order. All of them come before every slot: slots were never taken. */
  readonly #returned: Piece[] = [];

  reserve(): Slot {
    const slot: Slot = { sequence: this.#nextSequence++, offset: 0, batch: undefined, state: "reserved" };
    this.#slots.push(slot);
    return slot;
  }

  /** For queues that number their puts themselves: a batch that may be taken at once, behind all others. */
  append(sequence: number, batch: EventBatch): void {
    this.#slots.push({ sequence, offset: 0, batch, state: "ready" });
  }

  /** False while there is nothing, or the first in line is not committed yet. */
  get ready(): boolean {
    if (this.#returned.length > 0) return true;
    return this.#firstSlot()?.state === "ready";
  }

  /** The first events, at most `max`, but at least one; in order. */
  take(max: Limits): Piece[] {
    const pieces: Piece[] = [];
    let events = max.events;
    let bytes = max.bytes;
    while (events > 0 && this.ready) {
      const piece = this.#next(events, bytes, pieces.length === 0);
      if (!piece) break;
      pieces.push(piece);
      events -= piece.batch.length;
      bytes -= piece.batch.bytes;
    }
    return pieces;
  }

  /** Puts pieces back where they were. */
  giveBack(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      let at = this.#returned.length;
      while (at > 0 && comesBefore(piece, this.#returned[at - 1] as Piece)) at--;
      this.#returned.splice(at, 0, piece);
    }
  }

  #next(events: number, bytes: number, atLeastOne: boolean): Piece | undefined {
    const returned = this.#returned[0];
    const slot = returned ? undefined : this.#firstSlot();
    const whole: Piece = returned ?? {
      sequence: (slot as Slot).sequence,
      offset: (slot as Slot).offset,
      batch: (slot as Slot).batch as EventBatch,
    };
    const count = countFitting(whole.batch, events, bytes, atLeastOne);
    if (count === 0) return undefined;
    const all = count === whole.batch.length;
    const taken: Piece = all ? whole : { ...whole, batch: whole.batch.slice(0, count) };
    const rest = all ? undefined : whole.batch.slice(count, whole.batch.length);
    if (returned) {
      if (rest) this.#returned[0] = { ...whole, offset: whole.offset + count, batch: rest };
      else this.#returned.shift();
    } else if (rest) {
      (slot as Slot).batch = rest;
      (slot as Slot).offset += count;
    } else {
      this.#dropFirstSlot();
    }
    return taken;
  }

  #firstSlot(): Slot | undefined {
    while (this.#head < this.#slots.length && holdsNothing(this.#slots[this.#head] as Slot)) this.#dropFirstSlot();
    return this.#slots[this.#head];
  }

  #dropFirstSlot(): void {
    // The slot must not keep its batch alive until the array is cut.
    (this.#slots[this.#head] as Slot).batch = undefined;
    this.#head++;
    if (this.#head === this.#slots.length) {
      this.#slots = [];
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#slots.length) {
      this.#slots.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

/** Aborted, or committed without events: it would stand at the head for ever. */
function holdsNothing({ state, batch }: Slot): boolean {
  return state === "aborted" || (state === "ready" && batch?.length === 0);
}

function countFitting(batch: EventBatch, events: number, bytes: number, atLeastOne: boolean): number {
  let count = Math.min(batch.length, events);
  if (bytes === Number.POSITIVE_INFINITY) return count;
  // Half as many until they fit: close enough, and few steps. Never the whole batch is looked at for a part of it.
  while (count > 1 && batch.slice(0, count).bytes > bytes) count >>= 1;
  return count === 1 && !atLeastOne && batch.slice(0, 1).bytes > bytes ? 0 : count;
}

export function batchOfPieces(pieces: readonly Piece[]): EventBatch {
  return joinBatches(pieces.map((piece) => piece.batch));
}

/** Which events these are, `from` to `to` (exclusive), in queues where a put's sequence is the number of its first event. */
export function rangesOf(pieces: readonly Piece[]): { from: number; to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  for (const { sequence, offset, batch } of pieces) {
    const from = sequence + offset;
    const last = ranges.at(-1);
    if (last?.to === from) last.to = from + batch.length;
    else ranges.push({ from, to: from + batch.length });
  }
  return ranges;
}
