import { getHeapStatistics } from "node:v8";
import { Admission } from "../../../lib/engine/admission.js";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Channel, Consumer, Limits, Prepared, Take } from "../../../lib/engine/contracts.js";
import type { Counters } from "../../../lib/engine/counters.js";
import { batchTooLarge, DeliveryError } from "../../../lib/engine/errors.js";
import { EventQueue, type Slot } from "../../../lib/engine/event-queue.js";
import { QueueConsumer } from "../../../lib/engine/queue-consumer.js";
import { WakeUp } from "../../../lib/engine/wake-up.js";

export interface SpillableSettings {
  readonly memoryCapacity: number;
  readonly overflowCapacity: number;
  /** Seconds that a put waits for room. */
  readonly overflowTimeout: number;
  /** Bytes of bodies and headers in memory; 0: a part of the heap. */
  readonly byteCapacity: number;
  readonly byteCapacityBufferPercentage: number;
  readonly transactionCapacity: number;
}

/** Flume's default byteCapacity is 80 % of the heap. */
const HEAP_SHARE = 0.8;

/** The part on the disk, made for some settings; without it the channel is one in memory. */
export interface Overflow {
  readonly channel: Channel;
  /** What it was made of: one that is made of the same goes on. */
  readonly key: string;
}

function memoryRoom({ memoryCapacity, byteCapacity, byteCapacityBufferPercentage }: SpillableSettings): Limits {
  const total = byteCapacity || getHeapStatistics().heap_size_limit * HEAP_SHARE;
  return { events: memoryCapacity, bytes: Math.max(1, Math.floor(total * (1 - byteCapacityBufferPercentage / 100))) };
}

/**
 * Events in memory while there is room, on the disk when there is not. Whoever comes while something is on the disk
 * goes there too, so everything in memory comes before everything on the disk, and the order is that of admission.
 * What is in memory does not survive the process.
 */
export class SpillableChannel implements Channel {
  readonly id: string;
  readonly takeSize = Number.POSITIVE_INFINITY;
  readonly maxInFlight = Number.POSITIVE_INFINITY;
  readonly #counters: Counters;
  readonly #queue = new EventQueue();
  #settings: SpillableSettings;
  #disk: Overflow | undefined;
  /** Settings to go on with at the next start. */
  #next: { readonly settings: SpillableSettings; readonly disk: Overflow | undefined } | undefined;
  #room: Limits;
  readonly #admission: Admission;
  readonly #consumers = new Set<SpillConsumer>();
  /** Puts and their rests in memory: nothing is taken from the disk before them. */
  #inMemory = 0;
  /** Puts on their way to the disk, which are not in its size yet while they wait. */
  #spilling = 0;

  constructor(id: string, settings: SpillableSettings, counters: Counters, disk: Overflow | undefined) {
    this.id = id;
    this.#counters = counters;
    this.#settings = settings;
    this.#disk = disk;
    this.#room = memoryRoom(settings);
    this.#admission = new Admission(this.#memory);
  }

  get capacity(): number {
    return this.#room.events + (this.#overflow?.capacity ?? 0);
  }

  get limits(): Limits {
    const { events, bytes } = this.#room;
    const { transactionCapacity } = this.#settings;
    return this.#overflow?.limits ?? { events: Math.min(transactionCapacity, Math.max(1, events)), bytes };
  }

  get #overflow(): Channel | undefined {
    return this.#disk?.channel;
  }

  get #memory() {
    const { events } = this.#room;
    return { capacity: this.#room, transaction: Math.max(1, events), keepAlive: this.#settings.overflowTimeout };
  }

  get size(): number {
    return this.#admission.events + (this.#overflow?.size ?? 0);
  }

  /** What fits neither half alone may wait for ever: what is behind something on the disk goes to the disk. */
  get room(): Limits {
    const { events, bytes } = this.#room;
    return this.#overflow
      ? { events: Math.max(events, this.#overflow.capacity ?? 0), bytes: Number.POSITIVE_INFINITY }
      : { events, bytes };
  }

  get volatileSize(): number {
    return this.#admission.events;
  }

  /**
   * Goes on with these settings from its next start, with all that it holds in memory. `make` makes the part on the
   * disk that they want, unless it is the one that is there; what other directories hold stays there.
   */
  reconfigure(settings: SpillableSettings, key: string | undefined, make: () => Overflow | undefined): void {
    this.#next = { settings, disk: key === this.#disk?.key ? this.#disk : make() };
  }

  async start(): Promise<void> {
    const next = this.#next;
    if (next) {
      if (next.disk !== this.#disk) await this.stop();
      this.#settings = next.settings;
      this.#disk = next.disk;
      this.#room = memoryRoom(next.settings);
      this.#admission.resize(this.#memory);
      this.#next = undefined;
    }
    await this.#overflow?.start();
    this.#admission.open();
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#admission.close(new DeliveryError("FLUME_STOPPED"));
    for (const consumer of [...this.#consumers]) await consumer.close();
    await this.#overflow?.stop();
  }

  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    const { length } = batch;
    const { limits } = this;
    if (length > limits.events || batch.bytes > limits.bytes) throw batchTooLarge(length, batch.bytes, limits);
    this.#counters.add("EventPutAttemptCount", length);
    if (this.#overflow && !this.#fitsMemory(batch)) return this.#spill(this.#overflow, batch, signal);
    return this.#keep(batch.compact(), signal);
  }

  connect({ id, maxLeases }: { id: string; maxLeases: number }): Consumer {
    const memory = new QueueConsumer(maxLeases, this.#queue, {
      taken: () => undefined,
      committed: (_pieces, batch) => {
        this.#inMemory -= batch.length;
        this.#admission.release(batch.length, batch.bytes);
      },
      returned: () => undefined,
      closed: () => undefined,
    });
    const consumer: SpillConsumer = new SpillConsumer(memory, this.#overflow?.connect({ id, maxLeases }), maxLeases, {
      memoryReady: () => this.#queue.ready,
      diskNext: () => this.#inMemory === 0 && (this.#overflow?.size ?? 0) > 0,
      taken: (events) => this.#counters.add("EventTakeAttemptCount", events),
      committed: (events) => this.#counters.add("EventTakeSuccessCount", events),
      changed: () => this.#wake(),
      closed: () => this.#consumers.delete(consumer),
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  #fitsMemory({ length, bytes }: EventBatch): boolean {
    if (this.#spilling > 0 || (this.#overflow?.size ?? 0) > 0) return false;
    return this.#admission.events + length <= this.#room.events && this.#admission.bytes + bytes <= this.#room.bytes;
  }

  async #keep(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    const { length, bytes } = batch;
    let slot: Slot | undefined;
    const waiting = this.#admission.request(length, bytes, signal, () => {
      slot = this.#queue.reserve();
      this.#inMemory += length;
    });
    if (waiting) await waiting;
    const reserved = slot as unknown as Slot;
    return {
      commit: () => {
        if (reserved.state !== "reserved") return Promise.reject(new Error("This put has already been ended."));
        reserved.batch = batch;
        reserved.state = "ready";
        this.#counters.add("EventPutSuccessCount", length);
        this.#wake();
        return Promise.resolve();
      },
      abort: () => {
        if (reserved.state !== "reserved") return;
        reserved.state = "aborted";
        this.#inMemory -= length;
        this.#admission.release(length, bytes);
        this.#wake();
      },
    };
  }

  async #spill(overflow: Channel, batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    this.#spilling++;
    let prepared: Prepared;
    try {
      prepared = await overflow.prepare(batch, signal);
    } finally {
      this.#spilling--;
    }
    return {
      commit: async () => {
        await prepared.commit();
        this.#counters.add("EventPutSuccessCount", batch.length);
        this.#wake();
      },
      abort: () => {
        prepared.abort();
        this.#wake();
      },
    };
  }

  #wake(): void {
    for (const consumer of this.#consumers) consumer.wake();
  }
}

interface SpillEvents {
  memoryReady(): boolean;
  /** Everything that was in memory is settled, and there is something on the disk. */
  diskNext(): boolean;
  taken(events: number): void;
  committed(events: number): void;
  /** A take has ended: others may be able to go on. */
  changed(): void;
  closed(): void;
}

/** Takes from memory, then from the disk; never from both at once. */
class SpillConsumer implements Consumer {
  readonly #memory: QueueConsumer;
  readonly #disk: Consumer | undefined;
  readonly #maxLeases: number;
  readonly #events: SpillEvents;
  #leases = 0;
  readonly #more = new WakeUp();
  #closed = false;
  /** Ends a wait at the disk when there is something in memory: the disk is empty then, and may stay so. */
  #recall = new AbortController();
  #either: { readonly of: AbortSignal; readonly signal: AbortSignal } | undefined;
  #atDisk = false;

  constructor(memory: QueueConsumer, disk: Consumer | undefined, maxLeases: number, events: SpillEvents) {
    this.#memory = memory;
    this.#disk = disk;
    this.#maxLeases = maxLeases;
    this.#events = events;
  }

  async take(max: Limits, signal: AbortSignal): Promise<Take | undefined> {
    while (!this.#closed && !signal.aborted) {
      // Asked and waited for in the same breath: a wake in between would be missed.
      const source = this.#leases < this.#maxLeases ? this.#source() : undefined;
      if (!source) {
        await this.#more.wait(signal);
        continue;
      }
      const take = await source(max, signal);
      if (!take) continue;
      this.#leases++;
      this.#events.taken(take.batch.length);
      return this.#watched(take);
    }
    return undefined;
  }

  wake(): void {
    this.#more.wake();
    if (this.#atDisk && this.#events.memoryReady()) {
      this.#recall.abort();
      this.#recall = new AbortController();
      this.#either = undefined;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#memory.close();
    await this.#disk?.close();
    this.wake();
    this.#events.closed();
  }

  /** Where the next events are; undefined when there are none. */
  #source(): ((max: Limits, signal: AbortSignal) => Promise<Take | undefined>) | undefined {
    if (this.#events.memoryReady()) return (max, signal) => this.#memory.take(max, signal);
    const disk = this.#disk;
    return disk && this.#events.diskNext() ? (max, signal) => this.#takeFromDisk(disk, max, signal) : undefined;
  }

  async #takeFromDisk(disk: Consumer, max: Limits, signal: AbortSignal): Promise<Take | undefined> {
    if (this.#either?.of !== signal) {
      this.#either = { of: signal, signal: AbortSignal.any([signal, this.#recall.signal]) };
    }
    this.#atDisk = true;
    try {
      return await disk.take(max, this.#either.signal);
    } finally {
      this.#atDisk = false;
    }
  }

  #watched(take: Take): Take {
    let open = true;
    const ended = () => {
      if (!open) return;
      open = false;
      this.#leases--;
      this.#events.changed();
    };
    return {
      batch: take.batch,
      get lost() {
        return take.lost;
      },
      commit: async () => {
        try {
          await take.commit();
          this.#events.committed(take.batch.length);
        } finally {
          ended();
        }
      },
      rollback: async () => {
        try {
          await take.rollback();
        } finally {
          ended();
        }
      },
    };
  }
}
