import { getHeapStatistics } from "node:v8";
import { Admission, ByteBudget } from "../../../lib/engine/admission.js";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Channel, Consumer, Limits, Prepared } from "../../../lib/engine/contracts.js";
import type { Counters } from "../../../lib/engine/counters.js";
import { DeliveryError } from "../../../lib/engine/errors.js";
import { EventQueue, type Slot } from "../../../lib/engine/event-queue.js";
import { QueueConsumer } from "../../../lib/engine/queue-consumer.js";

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
  readonly #consumers = new Set<QueueConsumer>();
  #limits: Limits;
  #capacity: number;
  #discarded = false;

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

  get room(): Limits {
    return this.#admission.room;
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

  /** What it holds is lost, and is no part of what the other channels share any more. */
  discard(): void {
    this.#discarded = true;
    this.#admission.release(this.#admission.events, this.#admission.bytes);
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
        if (slot.state !== "reserved") return Promise.reject(new Error("This put has already been ended."));
        if (this.#discarded) return Promise.reject(new DeliveryError("FLUME_STOPPED"));
        slot.batch = kept;
        slot.state = "ready";
        this.#counters.add("EventPutSuccessCount", length);
        this.#wake();
        return Promise.resolve();
      },
      abort: () => {
        if (slot.state !== "reserved") return;
        slot.state = "aborted";
        if (this.#discarded) return;
        this.#admission.release(length, bytes);
        this.#wake();
      },
    };
  }

  connect({ maxLeases }: { id: string; maxLeases: number }): Consumer {
    const consumer: QueueConsumer = new QueueConsumer(maxLeases, this.#queue, {
      taken: (events) => {
        this.#counters.add("EventTakeAttemptCount", events);
      },
      committed: (_pieces, batch) => {
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
