import { Admission } from "../../../lib/engine/admission.js";
import { sleep } from "../../../lib/engine/backoff.js";
import { type EventBatch, joinBatches } from "../../../lib/engine/batch.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import type { Channel, Consumer, Limits, Prepared, Take } from "../../../lib/engine/contracts.js";
import { DeliveryError, HeadraceError, isHeadraceError, leaseLost } from "../../../lib/engine/errors.js";
import { WakeUp } from "../../../lib/engine/wake-up.js";
import { consumerSettings, producerSettings } from "../../../lib/protocols/kafka/client-settings.js";
import { kafkaEngine, PRODUCER_DEFAULTS } from "../../../lib/protocols/kafka/defaults.js";
import { FLUME_EVENT_VALUE, keyOf, RECORD_OVERHEAD } from "../../../lib/protocols/kafka/event-parts.js";
import { type PartitionRule, partitionRule } from "../../../lib/protocols/kafka/partition-rule.js";
import { MalformedRecords } from "../../../lib/protocols/kafka/malformed-records.js";
import type { KafkaConsumer, KafkaProducer, Polled } from "../../../lib/protocols/kafka/port.js";
import { type Place, PutOrder } from "../../../lib/protocols/kafka/put-order.js";
import { RecordEvents, type RecordForm } from "../../../lib/protocols/kafka/record-events.js";
import { BODY_VALUE, type ValueForm } from "../../../lib/protocols/kafka/records/record-batch-writer.js";
import type { KafkaChannelSettings } from "./component.js";
import { FLUME_EVENT_FORM, RAW_FORM } from "./record-form.js";

/** Bytes on their way to the broker; further puts wait. */
const BYTES_IN_FLIGHT = 32 * 1024 * 1024;
const CLOSE_WAIT = 2_000;
/**
 * Takes whose offsets are on their way to the group: what a crash repeats is bounded by it, and a sink with one
 * write at a time does not wait for the brokers after each.
 */
const COMMITS_AHEAD = 8;

/**
 * A topic as a channel. A put is kept once the brokers have acknowledged it; a take is forgotten once its offsets
 * are committed. Every agent with the same topic and group takes its share.
 */
export class KafkaChannel implements Channel {
  readonly id: string;
  readonly takeSize = Number.POSITIVE_INFINITY;
  readonly maxInFlight = Number.POSITIVE_INFINITY;
  readonly #settings: KafkaChannelSettings;
  readonly #context: ComponentContext;
  readonly #admission: Admission;
  readonly #order = new PutOrder();
  readonly #value: ValueForm;
  readonly #form: RecordForm;
  readonly #malformed: MalformedRecords | undefined;
  readonly #partition: PartitionRule | undefined;
  readonly #consumers = new Set<KafkaChannelConsumer>();
  readonly #committing = new Set<Promise<void>>();
  #maxRecordBytes: number = PRODUCER_DEFAULTS.maxBatchBytes;
  #producer: KafkaProducer | undefined;
  #consumer: KafkaConsumer | undefined;

  constructor(settings: KafkaChannelSettings, context: ComponentContext) {
    this.id = context.id;
    this.#settings = settings;
    this.#context = context;
    const { maxEventsInFlight, keepAlive, parseAsFlumeEvent } = settings;
    this.#admission = new Admission({
      capacity: { events: maxEventsInFlight, bytes: BYTES_IN_FLIGHT },
      transaction: maxEventsInFlight,
      keepAlive,
    });
    this.#value = parseAsFlumeEvent ? FLUME_EVENT_VALUE : BODY_VALUE;
    this.#form = parseAsFlumeEvent ? FLUME_EVENT_FORM : RAW_FORM;
    this.#malformed = parseAsFlumeEvent ? new MalformedRecords(settings.malformed, context) : undefined;
    this.#partition = partitionRule(settings.defaultPartitionId, settings.partitionIdHeader);
    context.counters.gauge("KafkaPartitionCount", () => this.#consumer?.partitions ?? 0);
    context.counters.gauge("KafkaLag", () => this.#consumer?.lag ?? 0);
  }

  get limits(): Limits {
    return this.#admission.limits;
  }

  /** On its way to the brokers. */
  get room(): Limits {
    return this.#admission.room;
  }

  async start(): Promise<void> {
    const { topic } = this.#settings;
    const cluster = this.#context.shared["cluster"];
    const report = (error?: unknown) => this.#context.report(error);
    const produce = producerSettings(cluster, this.#settings);
    const consume = consumerSettings(cluster, [topic], this.#settings);
    this.#maxRecordBytes = produce.maxBatchBytes - RECORD_OVERHEAD;
    const producer = kafkaEngine.producer(produce, report);
    const consumer = kafkaEngine.consumer(consume, report);
    try {
      await producer.connect();
      // Before the consumer looks for the topic: a producer may create it.
      await producer.partitions(topic);
      await consumer.connect();
    } catch (error) {
      await Promise.all([producer.close(0), consumer.close(0)]);
      throw error;
    }
    this.#producer = producer;
    this.#consumer = consumer;
    this.#admission.open();
  }

  async stop(): Promise<void> {
    this.#admission.close(new DeliveryError("FLUME_STOPPED"));
    for (const consumer of [...this.#consumers]) await consumer.close();
    const producer = this.#producer;
    const consumer = this.#consumer;
    this.#producer = undefined;
    this.#consumer = undefined;
    await Promise.all([producer?.close(CLOSE_WAIT), consumer?.close(CLOSE_WAIT)]);
  }

  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    const { length, bytes } = batch;
    this.#context.counters.add("EventPutAttemptCount", length);
    this.#check(batch);
    let place: Place | undefined;
    const waiting = this.#admission.request(length, bytes, signal, () => {
      place = this.#order.enter();
    });
    if (waiting) await waiting;
    const own = place as unknown as Place;
    const release = () => this.#admission.release(length, bytes);
    let ended = false;
    return {
      commit: async () => {
        if (ended) throw new Error("This put has already been ended.");
        ended = true;
        try {
          await this.#order.turn(own);
          const sent = this.#put(batch);
          own.pass();
          await sent;
          this.#context.counters.add("EventPutSuccessCount", length);
        } finally {
          if (!own.passed) own.pass();
          release();
        }
      },
      abort: () => {
        if (ended) return;
        ended = true;
        own.pass();
        release();
      },
    };
  }

  connect({ maxLeases }: { id: string; maxLeases: number }): Consumer {
    const consumer = new KafkaChannelConsumer(
      maxLeases,
      (max, signal) => this.#take(max, signal),
      () => this.#consumers.delete(consumer),
    );
    this.#consumers.add(consumer);
    return consumer;
  }

  /** Throws for a record that the broker could never take, before anything is sent. */
  #check(batch: EventBatch): void {
    const { topic } = this.#settings;
    for (let i = 0; i < batch.length; i++) {
      const bytes = this.#value.size(batch.at(i));
      if (bytes <= this.#maxRecordBytes) continue;
      const reason = new HeadraceError("FLUME_KAFKA_MESSAGE_TOO_LARGE", { bytes, topic });
      throw new DeliveryError(reason.code, { retry: "never", parameters: reason.parameters });
    }
  }

  async #put(batch: EventBatch): Promise<void> {
    const producer = this.#producer;
    if (!producer) throw new DeliveryError("FLUME_STOPPED");
    const { topic } = this.#settings;
    const begun = performance.now();
    const partitions = await producer.partitions(topic);
    const put = producer.begin();
    const now = Date.now();
    const chosen = this.#partitionsOf(batch, partitions);
    for (let i = 0; i < batch.length; i++) {
      const event = batch.at(i);
      put.add({
        topic,
        partition: chosen?.[i],
        key: keyOf(event),
        event,
        value: this.#value,
        timestamp: now,
        headers: [],
      });
    }
    await put.send();
    this.#context.counters.add("KafkaEventSendTimer", Math.round(performance.now() - begun));
  }

  /** Of all events before the first is sent: one that asks for what is not there refuses the batch. */
  #partitionsOf(batch: EventBatch, partitions: number): (number | undefined)[] | undefined {
    const rule = this.#partition;
    if (!rule) return undefined;
    try {
      return [...batch].map(({ headers }) => rule(headers, this.#settings.topic, partitions));
    } catch (error) {
      if (!(error instanceof HeadraceError)) throw error;
      throw new DeliveryError(error.code, { retry: "never", parameters: error.parameters });
    }
  }

  async #take(max: Limits, signal: AbortSignal): Promise<KafkaTake | undefined> {
    const { counters } = this.#context;
    // Behind what waits for a person nothing is taken: a crash would repeat all of it.
    while (this.#malformed?.waits && !signal.aborted) await sleep(this.#settings.pollTimeout, signal);
    const begun = performance.now();
    const polled = await this.#consumer?.poll(max, this.#settings.pollTimeout, signal);
    counters.add("KafkaEventGetTimer", Math.round(performance.now() - begun));
    if (!polled) return undefined;
    if (this.#malformed?.waits) {
      polled.giveBack();
      return undefined;
    }
    const batch = await this.#events(polled, signal);
    if (batch.length === 0) {
      if (signal.aborted) polled.giveBack();
      // All of it was dropped.
      else if (!polled.lost.aborted) await this.#commit(polled.done());
      return undefined;
    }
    counters.add("EventTakeAttemptCount", batch.length);
    return new KafkaTake(polled, batch, counters, (committed) => this.#commit(committed));
  }

  async #events({ pieces, lost }: Polled, signal: AbortSignal): Promise<EventBatch> {
    const malformed = this.#malformed;
    if (!malformed) return joinBatches(pieces.map((piece) => new RecordEvents(piece, this.#form)));
    const batches: EventBatch[] = [];
    for (const piece of pieces) {
      const good = await malformed.sift(piece, lost, signal);
      for (const records of good) batches.push(new RecordEvents(piece, this.#form, records));
    }
    return joinBatches(batches);
  }

  /** Waits while too many are on their way. What goes wrong with one that nobody waits for is reported. */
  async #commit(committed: Promise<void>): Promise<void> {
    const one: Promise<void> = committed
      .catch((error: unknown) => {
        if (isRevoked(error)) this.#context.log.warn(error.message);
        else this.#context.report(error);
      })
      .finally(() => this.#committing.delete(one));
    this.#committing.add(one);
    while (this.#committing.size > COMMITS_AHEAD) await Promise.race(this.#committing);
  }
}

function isRevoked(error: unknown): error is HeadraceError {
  return isHeadraceError(error) && error.code === "FLUME_KAFKA_REVOKED";
}

class KafkaChannelConsumer implements Consumer {
  readonly #maxLeases: number;
  readonly #poll: (max: Limits, signal: AbortSignal) => Promise<KafkaTake | undefined>;
  readonly #closed: () => void;
  readonly #closing = new AbortController();
  readonly #open = new Set<KafkaTake>();
  readonly #freed = new WakeUp();
  /** Polls under way: each may become a take. */
  #polling = 0;
  #ended: { readonly of: AbortSignal; readonly any: AbortSignal } | undefined;

  constructor(
    maxLeases: number,
    poll: (max: Limits, signal: AbortSignal) => Promise<KafkaTake | undefined>,
    closed: () => void,
  ) {
    this.#maxLeases = maxLeases;
    this.#poll = poll;
    this.#closed = closed;
  }

  async take(max: Limits, signal: AbortSignal): Promise<Take | undefined> {
    const ended = this.#endOf(signal);
    while (!ended.aborted) {
      if (this.#open.size + this.#polling >= this.#maxLeases) {
        await this.#freed.wait(ended);
        continue;
      }
      const take = await this.#polled(max, ended);
      if (take) return take;
    }
    return undefined;
  }

  async #polled(max: Limits, ended: AbortSignal): Promise<Take | undefined> {
    this.#polling++;
    try {
      const take = await this.#poll(max, ended);
      if (!take) return undefined;
      take.ended = () => {
        this.#open.delete(take);
        this.#freed.wake();
      };
      this.#open.add(take);
      if (!ended.aborted) return take;
      // Nobody waits for it any more.
      take.lose();
      return undefined;
    } finally {
      this.#polling--;
      this.#freed.wake();
    }
  }

  /** Made once for whoever takes: with each take it would be costly. */
  #endOf(signal: AbortSignal): AbortSignal {
    if (this.#ended?.of !== signal) this.#ended = { of: signal, any: AbortSignal.any([signal, this.#closing.signal]) };
    return this.#ended.any;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const take of [...this.#open]) take.lose();
    this.#closed();
  }
}

class KafkaTake implements Take {
  readonly batch: EventBatch;
  readonly #polled: Polled;
  readonly #counters: ComponentContext["counters"];
  readonly #commit: (committed: Promise<void>) => Promise<void>;
  /** Made only when asked for: they are dear. */
  #lost: { readonly own: AbortController; readonly any: AbortSignal } | undefined;
  #state: "open" | "ended" | "lost" = "open";
  ended: () => void = () => undefined;

  constructor(
    polled: Polled,
    batch: EventBatch,
    counters: ComponentContext["counters"],
    commit: (committed: Promise<void>) => Promise<void>,
  ) {
    this.#polled = polled;
    this.#commit = commit;
    this.#counters = counters;
    this.batch = batch;
  }

  get lost(): AbortSignal {
    if (!this.#lost) {
      const own = new AbortController();
      this.#lost = { own, any: AbortSignal.any([own.signal, this.#polled.lost]) };
      if (this.#state === "lost") own.abort();
    }
    return this.#lost.any;
  }

  async commit(): Promise<void> {
    this.#end();
    const begun = performance.now();
    await this.#commit(this.#polled.done());
    this.#counters.add("KafkaCommitTimer", Math.round(performance.now() - begun));
    this.#counters.add("EventTakeSuccessCount", this.batch.length);
  }

  async rollback(): Promise<void> {
    if (this.#state === "lost") return;
    this.#end();
    this.#counters.add("RollbackCount");
    this.#polled.giveBack();
  }

  lose(): void {
    if (this.#state !== "open") return;
    this.#state = "lost";
    this.#polled.giveBack();
    this.#lost?.own.abort();
    this.ended();
  }

  #end(): void {
    if (this.#state === "lost") throw leaseLost();
    if (this.#state === "ended") throw new Error("This take has already been committed or rolled back.");
    // Its partitions may be with another member of the group by now.
    this.#state = this.#polled.lost.aborted ? "lost" : "ended";
    this.ended();
    if (this.#polled.lost.aborted) throw leaseLost();
  }
}
