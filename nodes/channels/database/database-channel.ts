import { Admission } from "../../../lib/engine/admission.js";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import type { Channel, Consumer, Limits, Prepared } from "../../../lib/engine/contracts.js";
import { asDeliveryError, batchTooLarge, DeliveryError, HeadraceError } from "../../../lib/engine/errors.js";
import { rangesOf } from "../../../lib/engine/event-queue.js";
import { preparedPut } from "../../../lib/engine/prepared-put.js";
import { QueueConsumer } from "../../../lib/engine/queue-consumer.js";
import { GroupWriter } from "./group-writer.js";
import type { PutSlot } from "../../../lib/engine/queue-front.js";
import { RowQueue } from "./row-queue.js";
import type { EventStore } from "./store.js";

/** Of one transaction: it goes to the database in one piece. */
const MOST_TRANSACTION_BYTES = 256 * 1024 * 1024;

export interface DatabaseChannelSettings {
  /** 0: as many as the database holds. */
  readonly capacity: number;
  readonly transactionCapacity: number;
  /** Seconds that a put waits for room. */
  readonly keepAlive: number;
}

/** What there is only while the channel is open. */
interface Opened {
  readonly store: EventStore;
  readonly queue: RowQueue;
  readonly writer: GroupWriter;
  readonly admission: Admission;
  readonly consumers: Set<QueueConsumer>;
}

/**
 * Events in a table, in order of admission. A put is answered when the database has committed it, a take is over when
 * the database has committed that its rows are gone.
 */
export class DatabaseChannel implements Channel {
  readonly id: string;
  readonly takeSize = Number.POSITIVE_INFINITY;
  readonly maxInFlight = Number.POSITIVE_INFINITY;
  readonly limits: Limits;
  readonly room: Limits;
  /** Absent where only the database sets a limit. */
  readonly capacity?: number;
  readonly #settings: DatabaseChannelSettings;
  readonly #context: ComponentContext;
  readonly #createStore: () => EventStore;
  #opened: Opened | undefined;
  #opening: Promise<void> | undefined;
  /** Ends an opening that is under way. */
  #giveUp: (() => void) | undefined;

  /** `createStore` may throw: settings that cannot be are told at the start. */
  constructor(settings: DatabaseChannelSettings, context: ComponentContext, createStore: () => EventStore) {
    const { capacity, transactionCapacity } = settings;
    this.id = context.id;
    this.#settings = settings;
    this.#context = context;
    this.#createStore = createStore;
    if (capacity > 0) this.capacity = capacity;
    this.room = { events: this.capacity ?? Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
    this.limits = { events: Math.min(transactionCapacity, this.room.events), bytes: MOST_TRANSACTION_BYTES };
  }

  get size(): number {
    return this.#opened?.admission.events ?? 0;
  }

  async start(): Promise<void> {
    if (this.#opened) return;
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    await this.#opening;
  }

  async stop(): Promise<void> {
    this.#giveUp?.();
    await this.#opening?.catch(() => undefined);
    const opened = this.#opened;
    if (!opened) return;
    this.#opened = undefined;
    opened.admission.close(new DeliveryError("FLUME_STOPPED"));
    for (const consumer of [...opened.consumers]) await consumer.close();
    opened.queue.close();
    // What cannot be written now is not waited for: puts are told so, and takes come again.
    if (opened.store.trouble) await opened.store.close();
    await opened.writer.close();
    await opened.store.close();
  }

  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    const opened = this.#opened;
    if (!opened) throw new DeliveryError("FLUME_STOPPED");
    const { length } = batch;
    const { limits } = this;
    if (batch.bytes > limits.bytes) throw batchTooLarge(length, batch.bytes, limits);
    this.#context.counters.add("EventPutAttemptCount", length);
    if (opened.store.trouble) throw asDeliveryError(opened.store.trouble);
    let slot: PutSlot | undefined;
    const waiting = opened.admission.request(length, 0, signal, () => {
      slot = opened.queue.reserve(length);
    });
    if (waiting) await waiting;
    const reserved = slot as unknown as PutSlot;
    const { queue, admission } = opened;
    return preparedPut(length, {
      store: () => put(opened, reserved, batch),
      giveUp: () => queue.giveUp(reserved),
      release: () => admission.release(length, 0),
      stored: () => this.#context.counters.add("EventPutSuccessCount", length),
    });
  }

  connect({ maxLeases }: { id: string; maxLeases: number }): Consumer {
    const opened = this.#opened;
    if (!opened) throw new DeliveryError("FLUME_STOPPED");
    const { queue, writer, admission, consumers } = opened;
    const { counters } = this.#context;
    const consumer: QueueConsumer = new QueueConsumer(maxLeases, queue, {
      taken: (events) => counters.add("EventTakeAttemptCount", events),
      committed: async (pieces, batch) => {
        await new Promise<void>((resolve, reject) => {
          writer.take({ ranges: rangesOf(pieces), done: resolve, failed: reject });
        });
        counters.add("EventTakeSuccessCount", batch.length);
        admission.release(batch.length, 0);
      },
      returned: () => wake(opened),
      closed: () => consumers.delete(consumer),
    });
    consumers.add(consumer);
    return consumer;
  }

  async #open(): Promise<void> {
    const { room, limits, id } = this;
    const store = this.#createStore();
    this.#giveUp = () => void store.close().catch(() => undefined);
    const held = await store
      .open()
      .catch(async (error: unknown) => {
        await store.close();
        throw error;
      })
      .finally(() => (this.#giveUp = undefined));
    const { log } = this.#context;
    const report = (error?: unknown) => this.#context.report(error);
    const admission = new Admission({
      capacity: room,
      transaction: limits.events,
      keepAlive: this.#settings.keepAlive,
    });
    admission.restore(held.events, 0);
    const queue = new RowQueue(held, {
      read: (range, bytes) => store.read(range, bytes),
      more: () => this.#opened && wake(this.#opened),
      readFailed: report,
      changed: (events) => {
        if (events > 0) admission.restore(events, 0);
        else admission.release(-events, 0);
        log.warn(new HeadraceError("FLUME_DATABASE_ROWS_CHANGED", { database: store.name, events, id }).message);
      },
    });
    this.#opened = { store, queue, writer: new GroupWriter(store, report), admission, consumers: new Set() };
  }
}

function wake({ consumers }: Opened): void {
  for (const consumer of consumers) consumer.wake();
}

function put({ queue, writer }: Opened, slot: PutSlot, batch: EventBatch): Promise<void> {
  const { first, count } = slot;
  return new Promise((resolve, reject) => {
    writer.put({
      first,
      batch,
      done: () => {
        queue.stored(slot, batch);
        resolve();
      },
      failed: (error) => {
        // Its sender will bring it again: what may be in the table all the same is taken out before anything is read.
        if (error.outcome === "unknown") {
          queue.doubt();
          const over = () => queue.doubtOver();
          writer.take({ ranges: [{ from: first, to: first + count }], done: over, failed: over });
        }
        queue.giveUp(slot);
        reject(error);
      },
    });
  });
}
