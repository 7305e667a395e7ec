import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Limits } from "../../../lib/engine/contracts.js";
import type { Piece } from "../../../lib/engine/event-queue.js";
import { type PutSlot, QueueFront, READ_BYTES, settledSlots } from "../../../lib/engine/queue-front.js";
import type { TakenFrom } from "../../../lib/engine/queue-consumer.js";
import type { Entry, EntryQueue, EntrySnapshot } from "./entry-queue.js";
import type { Range } from "./ranges.js";

export interface StoredSlot extends PutSlot {
  entry: Entry | undefined;
}

/** An entry whose events are in memory or taken. */
interface OpenedEntry {
  readonly entry: Entry;
  left: number;
}

/** Reads entries that follow each other in one segment; in place of a batch that cannot be read any more: undefined. */
export type ReadEntries = (entries: readonly Entry[]) => Promise<(EventBatch | undefined)[]>;

export interface StoredQueueEvents {
  /** There may be more to take. */
  more(): void;
  /** Events that turned out to be unreadable: they are out of the queue. */
  lost(range: Range): void;
  /** The disk could not be read now; it is tried again. */
  readFailed(error: unknown): void;
}

/**
 * The queue over the log, in order of admission: slots of puts under way, entries that are only on the disk,
 * events in memory. While the taker keeps up, events never leave memory; when it is far behind, entries are
 * read back in large pieces.
 */
export class StoredQueue implements TakenFrom {
  readonly #read: ReadEntries;
  readonly #inOrder: boolean;
  readonly #events: StoredQueueEvents;
  #nextEvent: number;
  readonly #slots: StoredSlot[] = [];
  readonly #onDisk: EntryQueue;
  readonly #front = new QueueFront(() => this.#load());
  /** By number of their first event. */
  readonly #opened = new Map<number, OpenedEntry>();
  #loading = false;
  #unread: Entry[] = [];
  #closed = false;

  /** `inOrder`: for tests of the tests only; false gives events in the order of their sync. */
  constructor(entries: EntryQueue, nextEvent: number, read: ReadEntries, events: StoredQueueEvents, inOrder = true) {
    this.#inOrder = inOrder;
    this.#onDisk = entries;
    this.#nextEvent = nextEvent;
    this.#read = read;
    this.#events = events;
  }

  get nextEvent(): number {
    return this.#nextEvent;
  }

  reserve(count: number): StoredSlot {
    const slot: StoredSlot = { first: this.#nextEvent, count, state: "reserved", entry: undefined, batch: undefined };
    this.#nextEvent += count;
    this.#slots.push(slot);
    return slot;
  }

  /** The put is safe: its events may be taken once all before it are settled. */
  stored(slot: StoredSlot, entry: Entry, batch: EventBatch): void {
    slot.state = "stored";
    slot.entry = entry;
    slot.batch = batch;
    this.#moveSettled();
  }

  giveUp(slot: StoredSlot): void {
    slot.state = "given-up";
    this.#moveSettled();
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

  /** Nothing has to be known of these any more. */
  forget(pieces: readonly Piece[]): void {
    for (const { sequence, batch } of pieces) {
      const opened = this.#opened.get(sequence);
      if (opened && (opened.left -= batch.length) === 0) this.#opened.delete(sequence);
    }
  }

  /** Everything held on the disk, for a checkpoint. */
  snapshot(): { opened: Entry[]; waiting: EntrySnapshot } {
    const opened = [...this.#opened.values()].map(({ entry }) => entry);
    const stored = this.#slots.flatMap(({ entry }) => entry ?? []);
    return { opened: [...opened, ...this.#unread, ...stored], waiting: this.#onDisk.snapshot() };
  }

  close(): void {
    this.#closed = true;
  }

  #moveSettled(): void {
    let moved = false;
    if (!this.#inOrder) this.#slots.sort((a, b) => Number(a.state === "reserved") - Number(b.state === "reserved"));
    for (const { state, entry, batch } of settledSlots(this.#slots)) {
      if (state === "stored") this.#publish(entry as Entry, batch as EventBatch);
      moved = true;
    }
    if (moved) this.#events.more();
  }

  #publish(entry: Entry, batch: EventBatch): void {
    const inOrder = this.#onDisk.length === 0 && !this.#loading && this.#unread.length === 0;
    if (inOrder && this.#front.keep(entry.first, batch)) this.#open(entry);
    else this.#onDisk.push(entry);
  }

  #open(entry: Entry): void {
    this.#opened.set(entry.first, { entry, left: entry.count });
  }

  #load(): void {
    if (this.#loading || this.#closed || !this.#front.low) return;
    if (this.#onDisk.length === 0 && this.#unread.length === 0) return;
    this.#loading = true;
    void this.#loadSome();
  }

  async #loadSome(): Promise<void> {
    if (this.#unread.length === 0) this.#unread = this.#nextRun();
    const run = this.#unread;
    try {
      const batches = await this.#read(run);
      if (this.#closed) return;
      this.#unread = [];
      for (const [i, entry] of run.entries()) {
        const batch = batches[i];
        if (batch) {
          this.#front.add(entry.first, batch);
          this.#open(entry);
        } else this.#events.lost({ from: entry.first, to: entry.first + entry.count });
      }
    } catch (error) {
      if (!this.#closed) this.#events.readFailed(error);
      return;
    } finally {
      this.#loading = false;
    }
    this.#events.more();
    this.#load();
  }

  /** Entries that one read can bring: near each other, front to back, in one segment. */
  #nextRun(): Entry[] {
    const run: Entry[] = [];
    let end = 0;
    while (this.#onDisk.length > 0) {
      const next = this.#onDisk.at(0);
      const first = run[0] ?? next;
      const fits = next.segment === first.segment && next.offset >= end;
      if (run.length > 0 && (!fits || next.offset + next.length - first.offset > READ_BYTES)) break;
      run.push(next);
      this.#onDisk.shift();
      end = next.offset + next.length;
    }
    return run;
  }
}
