import { within } from "../../../lib/engine/backoff.js";
import type { EventBatch } from "../../../lib/engine/batch.js";
import { type Clock, systemClock } from "../../../lib/engine/clock.js";
import type { SinkContext } from "../../../lib/engine/component.js";
import type { Sink } from "../../../lib/engine/contracts.js";
import { asDeliveryError, DeliveryError, HeadraceError } from "../../../lib/engine/errors.js";
import { localHostNames } from "../../../lib/formats/local-host-names.js";
import { WebHdfsClient } from "../../../lib/protocols/webhdfs/webhdfs-client.js";
import { webHdfsSettings } from "../../../lib/protocols/webhdfs/webhdfs-settings.js";
import { Bucket, type BucketSettings } from "./bucket.js";
import { byPlace, EventPlaces, type PlaceSettings } from "./event-places.js";
import { type FinishSettings, FileFinisher } from "./file-finisher.js";
import { chosenFormat, type ChosenFormat, type FormatSettings } from "./file-formats.js";
import { namedFile, type NameSettings } from "./file-names.js";
import type { FileSurroundings, HdfsFile } from "./hdfs-file.js";
import { IoSlots } from "./io-slots.js";
import { OpenFilesJournal } from "./open-files-journal.js";
import type { Share } from "./share.js";

export interface HdfsSettings extends PlaceSettings, NameSettings, FormatSettings, BucketSettings, FinishSettings {
  readonly batchSize: number;
  readonly maxInFlight: number;
  readonly maxOpenFiles: number;
  readonly threadsPoolSize: number;
  /** Milliseconds. */
  readonly callTimeout: number;
  readonly proxyUser: string;
}

/** How long a stop waits for writes under way, in milliseconds. */
const WRITE_WAIT = 3000;
/** How long a stop waits for final names, in milliseconds; the next start gives them to the rest. */
const CLOSE_WAIT = 2000;

/** What there is while the sink runs. */
interface Running {
  readonly around: FileSurroundings;
  readonly finisher: FileFinisher;
  readonly format: ChosenFormat;
  readonly places: EventPlaces;
  readonly stopping: AbortController;
}

/** Writes events to HDFS: Flume's hdfs sink, over WebHDFS. */
export class HdfsSink implements Sink {
  readonly batchSize: number;
  readonly maxInFlight: number;
  readonly #settings: HdfsSettings;
  readonly #context: SinkContext;
  readonly #clock: Clock;
  #running: Running | undefined;
  /** By the key of the place; the one used longest ago first. */
  readonly #buckets = new Map<string, Bucket>();
  /** What a batch that was partly written still owes: the same batch comes again. */
  readonly #owed = new WeakMap<EventBatch, ReadonlyMap<string, EventBatch>>();
  readonly #underWay = new Set<Promise<unknown>>();
  #lastNumber = 0;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(settings: HdfsSettings, context: SinkContext, clock: Clock = systemClock) {
    this.batchSize = settings.batchSize;
    this.maxInFlight = settings.maxInFlight;
    this.#settings = settings;
    this.#context = context;
    this.#clock = clock;
  }

  start(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  stop(): Promise<void> {
    return this.#inTurn(() => this.#stop());
  }

  async write(batch: EventBatch): Promise<void> {
    const running = this.#running;
    if (!running) throw new DeliveryError("FLUME_STOPPED");
    const writing = this.#write(batch, running);
    this.#underWay.add(writing);
    try {
      await writing;
    } finally {
      this.#underWay.delete(writing);
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#changing.then(work);
    this.#changing = result.catch(() => undefined);
    return result;
  }

  async #start(): Promise<void> {
    if (this.#running) return;
    const { callTimeout, proxyUser, threadsPoolSize } = this.#settings;
    const cluster = this.#context.shared["cluster"];
    if (!cluster) throw new HeadraceError("FLUME_CONFIG_REQUIRED", { field: "cluster" });
    const settings = webHdfsSettings(cluster, { proxyUser, timeout: callTimeout });
    const places = new EventPlaces(this.#settings, await localHostNames());
    const format = await chosenFormat(this.#settings);
    const journal = new OpenFilesJournal(this.#context.storage);
    const left = await journal.start();
    const stopping = new AbortController();
    const client = new WebHdfsClient(settings);
    const slots = new IoSlots(threadsPoolSize);
    const finisher = new FileFinisher(client, slots, journal, this.#settings, this.#context);
    const around = { client, slots, journal, stopping: stopping.signal };
    this.#running = { around, finisher, format, places, stopping };
    if (left.length > 0) this.#context.log.info(`finishing ${left.length} files of an earlier run`);
    for (const record of left) void finisher.finish(record, false);
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    const { around, finisher, stopping } = running;
    // What has been handed over is written as far as HDFS lets it.
    await within(WRITE_WAIT, Promise.allSettled(this.#underWay));
    stopping.abort();
    for (const bucket of this.#buckets.values()) bucket.refuseWaiting();
    await within(CLOSE_WAIT, Promise.all([...this.#buckets.values()].map((bucket) => bucket.close())));
    this.#buckets.clear();
    const ended = finisher.stop();
    await within(CLOSE_WAIT, ended);
    // Breaks off what HDFS has not answered until now: the journal remembers it.
    around.client.close();
    await ended;
    await Promise.allSettled(this.#underWay);
    await around.journal.stop();
  }

  async #write(batch: EventBatch, running: Running): Promise<void> {
    const isKnown = (key: string) => this.#buckets.has(key);
    const parts = this.#owed.get(batch) ?? byPlace(batch, this.#clock.now(), running.places, isKnown);
    const shares = new Map<string, Share>();
    for (const [key, part] of parts) shares.set(key, this.#bucketOf(key, running).write(part));
    const results = await Promise.allSettled([...shares.values()].map(({ settled }) => settled));
    const failure = results.find((result) => result.status === "rejected");
    if (!failure) {
      this.#owed.delete(batch);
      return;
    }
    const left = new Map<string, EventBatch>();
    for (const [key, share] of shares) if (share.left.length > 0) left.set(key, share.left);
    this.#owed.set(batch, left);
    let owed = 0;
    for (const part of left.values()) owed += part.length;
    throw failed(failure.reason, owed === batch.length);
  }

  #bucketOf(key: string, running: Running): Bucket {
    const found = this.#buckets.get(key);
    if (found) {
      this.#buckets.delete(key);
      this.#buckets.set(key, found);
      return found;
    }
    const { directory, prefix } = running.places.placeOf(key);
    const bucket: Bucket = new Bucket(
      key,
      this.#settings,
      running.format.format,
      running.around,
      {
        nextName: () => namedFile(directory, prefix, this.#nextNumber(), this.#settings, running.format.extension),
        opened: () => this.#opened(),
        ended: (file) => this.#ended(file, running),
        empty: () => {
          if (this.#buckets.get(key) === bucket) this.#buckets.delete(key);
        },
      },
      this.#clock,
    );
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** Flume: the clock when a writer is made, and one more for each file; here for the whole sink, so none comes twice. */
  #nextNumber(): number {
    this.#lastNumber = Math.max(this.#lastNumber + 1, this.#clock.now());
    return this.#lastNumber;
  }

  #opened(): void {
    this.#context.counters.add("ConnectionCreatedCount");
    let open = 0;
    for (const bucket of this.#buckets.values()) open += bucket.openFiles;
    for (const bucket of this.#buckets.values()) {
      if (open <= this.#settings.maxOpenFiles) return;
      if (!bucket.idle || bucket.openFiles === 0) continue;
      open -= bucket.openFiles;
      this.#buckets.delete(bucket.key);
      void bucket.close();
    }
  }

  async #ended(file: HdfsFile, { finisher, around }: Running): Promise<void> {
    if (file.empty) {
      this.#context.counters.add("ConnectionFailedCount");
      await around.journal.forget(file.name.open);
      return;
    }
    this.#context.counters.add("ConnectionClosedCount");
    // Where no write came through there may be a file all the same, with nothing in it that counts.
    if (file.events === 0) await finisher.finish({ ...file.record, resent: true }, false);
    else await finisher.finish(file.record, !file.broken);
  }
}

function failed(error: unknown, nothingKept: boolean): DeliveryError {
  const failure = asDeliveryError(error);
  if (nothingKept) return failure;
  const { code, parameters } = failure;
  return new DeliveryError(code, { outcome: "partial", parameters, cause: failure });
}
