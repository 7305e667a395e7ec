import { linearBackoff, sleep, within } from "../../../lib/engine/backoff.js";
import { type EventBatch, joinBatches } from "../../../lib/engine/batch.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import type { Lane, Outlet, Source } from "../../../lib/engine/contracts.js";
import { asDeliveryError, HeadraceError, isHeadraceError } from "../../../lib/engine/errors.js";
import { compileWholePattern } from "../../../lib/engine/pattern.js";
import { nextLoopTurn, turnIsOver } from "../../../lib/engine/turn.js";
import { consumerSettings } from "../../../lib/protocols/kafka/client-settings.js";
import { kafkaEngine } from "../../../lib/protocols/kafka/defaults.js";
import { MalformedRecords } from "../../../lib/protocols/kafka/malformed-records.js";
import type { KafkaConsumer, Polled } from "../../../lib/protocols/kafka/port.js";
import { type RecordForm, RecordEvents } from "../../../lib/protocols/kafka/record-events.js";
import type { KafkaSourceSettings } from "./component.js";
import { sourceForm } from "./record-headers.js";

/** How long a stop waits for deliveries under way and their commits, in milliseconds. */
const CLOSE_WAIT = 2_000;

/** Polled together, delivered together, and committed together. */
interface Parcel {
  /** In the order of polling. */
  readonly number: number;
  readonly polled: readonly Polled[];
  /** What is still to be delivered, in order: one batch, unless the channel found it too large. */
  batches: EventBatch[];
  readonly lost: AbortSignal;
}

/** Reads topics as a member of a consumer group. Offsets are committed after delivery, up to the first that is not delivered. */
export class KafkaSource implements Source {
  readonly #settings: KafkaSourceSettings;
  readonly #context: ComponentContext;
  readonly #form: RecordForm;
  readonly #malformed: MalformedRecords | undefined;
  #consumer: KafkaConsumer | undefined;
  #stop = new AbortController();
  #running: Promise<void> | undefined;
  #failures = 0;
  #parcels = 0;

  constructor(settings: KafkaSourceSettings, context: ComponentContext) {
    this.#settings = settings;
    this.#context = context;
    this.#form = sourceForm(settings);
    this.#malformed = settings.useFlumeEventFormat ? new MalformedRecords(settings.malformed, context) : undefined;
    context.counters.gauge("KafkaPartitionCount", () => this.#consumer?.partitions ?? 0);
    context.counters.gauge("KafkaLag", () => this.#consumer?.lag ?? 0);
  }

  async start(out: Outlet): Promise<void> {
    if (this.#running) return;
    const { topics, topicsRegex } = this.#settings;
    const names = topics
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
    if (topicsRegex === "" && names.length === 0) throw new HeadraceError("FLUME_KAFKA_TOPICS_MISSING");
    const wanted = topicsRegex === "" ? names : compileWholePattern(topicsRegex);
    const consumer = kafkaEngine.consumer(
      consumerSettings(this.#context.shared["cluster"], wanted, this.#settings),
      (error) => this.#context.report(error),
    );
    try {
      await consumer.connect();
    } catch (error) {
      await consumer.close(0);
      throw error;
    }
    this.#consumer = consumer;
    this.#stop = new AbortController();
    this.#running = this.#run(consumer, out, this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const consumer = this.#consumer;
    this.#consumer = undefined;
    // What is under way settles first; then its offsets are committed.
    if (this.#running) await within(CLOSE_WAIT, this.#running);
    await consumer?.close(0);
    this.#running = undefined;
  }

  async #run(consumer: KafkaConsumer, out: Outlet, signal: AbortSignal): Promise<void> {
    const lane = out.lane();
    const underWay = new Set<Promise<void>>();
    const rejected: Parcel[] = [];
    while (!signal.aborted) {
      if (turnIsOver()) await nextLoopTurn();
      if (rejected.length > 0) {
        await Promise.all(underWay);
        await this.#again(rejected, lane, signal);
        continue;
      }
      const parcel = await this.#poll(consumer, out, signal);
      if (!parcel) continue;
      const delivery: Promise<void> = this.#deliver(parcel, lane, signal)
        .then((accepted) => {
          if (!accepted) rejected.push(parcel);
        })
        .finally(() => underWay.delete(delivery));
      underWay.add(delivery);
      if (underWay.size >= this.#settings.maxInFlight) await Promise.race(underWay);
    }
    await Promise.all(underWay);
  }

  /** Flume's way: until there are as many as wanted, or their time is over. */
  async #poll(consumer: KafkaConsumer, out: Outlet, signal: AbortSignal): Promise<Parcel | undefined> {
    const { batchSize, batchDurationMillis } = this.#settings;
    const { counters } = this.#context;
    const { limits } = out;
    const most = Math.max(1, Math.min(batchSize, limits.events));
    const begun = performance.now();
    const polled: Polled[] = [];
    let events = 0;
    while (events < most) {
      const left = batchDurationMillis - (performance.now() - begun);
      if (left <= 0) break;
      const room = { events: most - events, bytes: limits.bytes / 2 };
      const more = await consumer.poll(room, left, signal, polled.at(-1));
      if (!more) break;
      polled.push(more);
      events += more.events;
      if (Number.isFinite(limits.bytes) && bytesOf(polled) > limits.bytes / 2) break;
    }
    counters.add("KafkaEventGetTimer", Math.round(performance.now() - begun));
    if (polled.length === 0) {
      counters.add("KafkaEmptyCount");
      return undefined;
    }
    const parcel = await this.#parcel(polled, signal);
    if (!signal.aborted) return parcel;
    // Records that wait for a person are not in it, and must not count as delivered.
    for (const one of polled) one.giveBack();
    return undefined;
  }

  async #parcel(polled: readonly Polled[], signal: AbortSignal): Promise<Parcel> {
    // All of them were read between the same two rebalances.
    const { lost } = polled[0] as Polled;
    const batches: EventBatch[] = [];
    for (const { pieces } of polled) {
      for (const piece of pieces) {
        const good = this.#malformed ? await this.#malformed.sift(piece, lost, signal) : [piece.records];
        for (const records of good) batches.push(new RecordEvents(piece, this.#form, records));
      }
    }
    return { number: this.#parcels++, polled, batches: [joinBatches(batches)], lost };
  }

  /** Delivers again what was not accepted, in order, each after its wait. */
  async #again(rejected: Parcel[], lane: Lane, signal: AbortSignal): Promise<void> {
    const { backoffSleepIncrement, maxBackoffSleep } = this.#settings;
    await sleep(linearBackoff(backoffSleepIncrement, maxBackoffSleep, ++this.#failures), signal);
    lane.reset();
    const parcels = rejected.splice(0).toSorted((a, b) => a.number - b.number);
    for (const [i, parcel] of parcels.entries()) {
      if (signal.aborted) return;
      if (await this.#deliver(parcel, lane, signal)) continue;
      rejected.push(...parcels.slice(i));
      return;
    }
  }

  /** True when all of it was accepted, or is somebody else's now. */
  async #deliver(parcel: Parcel, lane: Lane, signal: AbortSignal): Promise<boolean> {
    const withdrawn = AbortSignal.any([signal, parcel.lost]);
    while (parcel.batches.length > 0) {
      const [batch] = parcel.batches as [EventBatch];
      if (parcel.lost.aborted) return true;
      try {
        if (batch.length > 0) await lane.deliver(batch, withdrawn);
        parcel.batches.shift();
      } catch (error) {
        if (parcel.lost.aborted) return true;
        if (signal.aborted) return false;
        const rejection = asDeliveryError(error);
        if (rejection.code === "FLUME_LANE_STOPPED") return false;
        if (rejection.code === "FLUME_BATCH_TOO_LARGE" && batch.length > 1) {
          const half = Math.ceil(batch.length / 2);
          parcel.batches.splice(0, 1, batch.slice(0, half), batch.slice(half, batch.length));
          return false;
        }
        this.#context.counters.add("ChannelWriteFail");
        this.#context.report(rejection);
        return false;
      }
    }
    if (this.#failures > 0) this.#context.report();
    this.#failures = 0;
    // Under way until it is committed: so what comes twice after a fault is bounded, however long commits take.
    await this.#commit(parcel);
    return true;
  }

  async #commit({ polled }: Parcel): Promise<void> {
    const begun = performance.now();
    try {
      await Promise.all(polled.map((one) => one.done()));
      this.#context.counters.add("KafkaCommitTimer", Math.round(performance.now() - begun));
    } catch (error) {
      // Another member reads them again: so it must be, and a person may want to know.
      if (isHeadraceError(error)) this.#context.log.warn(error.message);
      else this.#context.report(error);
    }
  }
}

function bytesOf(polled: readonly Polled[]): number {
  let bytes = 0;
  for (const { pieces } of polled) for (const { records } of pieces) bytes += records.valueBytes;
  return bytes;
}
