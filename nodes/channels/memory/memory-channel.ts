import { getHeapStatistics } from "node:v8";
import { Admission, ByteBudget } from "../../../lib/engine/admission.js";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Channel, Consumer, Limits, Prepared, Take } from "../../../lib/engine/contracts.js";
import type { Counters } from "../../../lib/engine/counters.js";
import { DeliveryError, leaseLost } from "../../../lib/engine/errors.js";
import { batchOfPieces, EventQueue, type Piece, type Slot } from "./queue.js";

export interface MemoryChannelSettings {
  readonly capacity: number;
  readonly transactionCapacity: number;
  /** Seconds that a put waits for room. */
  readonly keepAlive: number;
  /** Bytes of bodies and headers; 0: what is left of the part of the heap that all memory channels share. */
  readonly byteCapacity: number;
  readonly byteCapacityBufferPercentage: number;
}

/** Flume's default byteCapacity is 80 % of the heap for each channel; here it is that for all together. */
const sharedBudget = new ByteBudget(Math.floor(getHeapStatistics().heap_size_limit * 0.8));

function roomOf(settings: MemoryChannelSettings) {
  const total = settings.byteCapacity > 0 ? settings.byteCapacity : sharedBudget.total;
  const bytes = Math.max(1, Math.floor(total * (1 - settings.byteCapacityBufferPercentage / 100)));
  return {
    capacity: { events: settings.capacity, bytes },
    transaction: Math.min(settings.transactionCapacity, settings.capacity),
    keepAlive: settings.keepAlive,
  };
}

/** Events in memory, in order of admission. Nothing survives the process. */
export class MemoryChannel implements Channel {
  readonly id: string;
  readonly takeSize = Number.POSITIVE_INFINITY;
  readonly maxInFlight = Number.POSITIVE_INFINITY;
  readonly #queue = new EventQueue();
  readonly #admission: Admission;
  readonly #counters: Counters;
  readonly #consumers = new Set<MemoryConsumer>();
  #limits: Limits;
  #capacity: number;

  constructor(id: string, settings: MemoryChannelSettings, counters: Counters) {
    this.id = id;
    this.#counters = counters;
    this.#admission = new Admission({ ...roomOf(settings), shared: sharedBudget });
    this.#limits = this.#admission.limits;
    this.#capacity = settings.capacity;
  }

  get limits(): Limits {
    return this.#limits;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get size(): number {
    return this.#admission.events;
  }

  get bytes(): number {
    return this.#admission.bytes;
  }

  /** New limits for the same events: growing is immediate, shrinking takes effect as events leave. */
  resize(settings: MemoryChannelSettings): void {
    this.#capacity = settings.capacity;
    this.#admission.resize(roomOf(settings));
    this.#limits = this.#admission.limits;
  }

  async start(): Promise<void> {
    this.#admission.open();
  }

  /** Puts are refused; what is held stays until the channel object is let go of. */
  async stop(): Promise<void> {
    this.#admission.close(new DeliveryError("FLUME_STOPPED"));
    for (const consumer of [...this.#consumers]) await consumer.close();
  }

  /** Forgets every event: the node is gone from the flow. Returns how many were lost. */
  discard(): number {
    const lost = this.size;
    while (this.#queue.ready) {
      const batch = batchOfPieces(this.#queue.take({ events: Infinity, bytes: Infinity }));
      this.#admission.release(batch.length, batch.bytes);
    }
    return lost;
  }

  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    // Held for long: a view of a large read must not keep all of it alive.
    const kept = batch.compact();
    const { length, bytes } = kept;
    this.#counters.add("EventPutAttemptCount", length);
    let slot: Slot | undefined;
    const waiting = this.#admission.request(length, bytes, signal, () => {
      slot = this.#queue.reserve();
    });
    if (waiting) await waiting;
    return this.#prepared(slot as unknown as Slot, kept);
  }

  #prepared(slot: Slot, kept: EventBatch): Prepared {
    const { length, bytes } = kept;
    return {
      commit: () => {
        slot.batch = kept;
        slot.state = "ready";
        this.#counters.add("EventPutSuccessCount", length);
        this.#wake();
        return Promise.resolve();
      },
      abort: () => {
        slot.state = "aborted";
        this.#admission.release(length, bytes);
        this.#wake();
      },
    };
  }

  connect({ maxLeases }: { id: string; maxLeases: number }): Consumer {
    const consumer = new MemoryConsumer(maxLeases, this.#queue, {
      taken: (events) => {
        this.#counters.add("EventTakeAttemptCount", events);
      },
      committed: (batch) => {
        this.#counters.add("EventTakeSuccessCount", batch.length);
        this.#admission.release(batch.length, batch.bytes);
      },
      returned: () => this.#wake(),
      closed: () => this.#consumers.delete(consumer),
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  #wake(): void {
    for (const consumer of this.#consumers) {
      if (!this.#queue.ready) return;
      consumer.wake();
    }
  }
}

interface ConsumerEvents {
  taken(events: number): void;
  committed(batch: EventBatch): void;
  returned(): void;
  closed(): void;
}

class MemoryConsumer implements Consumer {
  readonly #maxLeases: number;
  readonly #queue: EventQueue;
  readonly #events: ConsumerEvents;
  readonly #open = new Set<MemoryTake>();
  #waiting: (() => void) | undefined;
  #closed = false;

  constructor(maxLeases: number, queue: EventQueue, events: ConsumerEvents) {
    this.#maxLeases = maxLeases;
    this.#queue = queue;
    this.#events = events;
  }

  async take(max: Limits, signal: AbortSignal): Promise<Take | undefined> {
    while (!this.#closed && !signal.aborted) {
      if (this.#queue.ready && this.#open.size < this.#maxLeases) {
        const pieces = this.#queue.take(max);
        const take = new MemoryTake(pieces, (end, batch) => {
          this.#open.delete(take);
          if (end === "commit") this.#events.committed(batch);
          else {
            this.#queue.giveBack(pieces);
            this.#events.returned();
          }
          this.wake();
        });
        this.#open.add(take);
        this.#events.taken(take.batch.length);
        return take;
      }
      await this.#untilWoken(signal);
    }
    return undefined;
  }

  wake(): void {
    this.#waiting?.();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const take of [...this.#open]) take.lose();
    this.wake();
    this.#events.closed();
  }

  #untilWoken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting = undefined;
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting = wake;
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

class MemoryTake implements Take {
  readonly batch: EventBatch;
  readonly #end: (end: "commit" | "rollback", batch: EventBatch) => void;
  #state: "open" | "ended" | "lost" = "open";
  #lost: AbortController | undefined;

  constructor(pieces: readonly Piece[], end: (end: "commit" | "rollback", batch: EventBatch) => void) {
    this.batch = batchOfPieces(pieces);
    this.#end = end;
  }

  /** Made only when asked for: an AbortController a batch is dear. */
  get lost(): AbortSignal {
    this.#lost ??= new AbortController();
    if (this.#state === "lost") this.#lost.abort();
    return this.#lost.signal;
  }

  async commit(): Promise<void> {
    this.#finish("commit");
  }

  async rollback(): Promise<void> {
    if (this.#state === "lost") return;
    this.#finish("rollback");
  }

  lose(): void {
    this.#finish("rollback");
    this.#state = "lost";
    this.#lost?.abort();
  }

  #finish(end: "commit" | "rollback"): void {
    if (this.#state === "lost") throw leaseLost();
    if (this.#state === "ended") throw new Error("This take has already been committed or rolled back.");
    this.#state = "ended";
    this.#end(end, this.batch);
  }
}
