import { sleep } from "../../../lib/engine/backoff.js";
import { type EventBatch, joinBatches } from "../../../lib/engine/batch.js";
import type { Clock } from "../../../lib/engine/clock.js";
import { asDeliveryError, DeliveryError } from "../../../lib/engine/errors.js";
import type { FileFormat } from "../../../lib/formats/file-format.js";
import type { NamedFile } from "./file-names.js";
import { type FileSurroundings, HdfsFile, NameTaken } from "./hdfs-file.js";
import { type Run, Share } from "./share.js";

/** When a file ends; 0: never by this. */
export interface RollSettings {
  /** Seconds from its first event on. */
  readonly rollInterval: number;
  /** Bytes of bodies. */
  readonly rollSize: number;
  readonly rollCount: number;
  /** Seconds without an event. */
  readonly idleTimeout: number;
}

export interface BucketSettings extends RollSettings {
  /** Files that are written side by side when many events wait. */
  readonly parallelFiles: number;
}

export interface BucketEvents {
  /** The name of its next file. */
  nextName(): NamedFile;
  opened(): void;
  /** A file is at its end and wants its final name. Resolves after the first try. */
  ended(file: HdfsFile): Promise<void>;
  /** Nothing is open or under way any more. */
  empty(): void;
}

/** The most that goes into one request: what is under way is also in memory. */
const MOST_BYTES = 32 * 1024 * 1024;
/** So many events must wait before a second file is begun: each file more is one that HDFS has to keep. */
const CROWD = 10_000;
/** A part of the last write's time is spent waiting for more, since a write takes the same time for many as for few. */
const LINGER_SHARE = 1 / 16;
/** Milliseconds. */
const LONGEST_LINGER = 25;
/** Names that are tried in a row. */
const MOST_NAMES = 20;

/**
 * One folder and file prefix: all events that go there, in files one after the other. While a request is under way,
 * whatever arrives waits and goes out with the next one (group commit): an append to HDFS takes as long for ten
 * thousand events as for ten.
 */
export class Bucket {
  readonly key: string;
  readonly #settings: BucketSettings;
  readonly #format: FileFormat;
  readonly #around: FileSurroundings;
  readonly #events: BucketEvents;
  readonly #clock: Clock;
  readonly #shares: Share[] = [];
  readonly #lanes: Lane[] = [];

  constructor(
    key: string,
    settings: BucketSettings,
    format: FileFormat,
    around: FileSurroundings,
    events: BucketEvents,
    clock: Clock,
  ) {
    this.key = key;
    this.#settings = settings;
    this.#format = format;
    this.#around = around;
    this.#events = events;
    this.#clock = clock;
  }

  get openFiles(): number {
    return this.#lanes.filter((lane) => lane.hasFile).length;
  }

  get idle(): boolean {
    return this.#waiting === 0 && this.#lanes.every((lane) => !lane.busy);
  }

  /** Events that no request holds yet. */
  get #waiting(): number {
    let events = 0;
    for (const share of this.#shares) events += share.waiting;
    return events;
  }

  write(batch: EventBatch): Share {
    const share = new Share(batch);
    this.#shares.push(share);
    this.#wakeLane();
    return share;
  }

  /** Ends its files, once the writes under way have ended. Nothing may wait. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  /** What waits is handed back. */
  refuseWaiting(): void {
    for (const share of this.#shares.splice(0)) share.fail(new DeliveryError("FLUME_STOPPED"));
  }

  #wakeLane(): void {
    const free = this.#lanes.find((lane) => !lane.busy);
    const wanted = this.#lanes.length === 0 || (this.#lanes.length < this.#settings.parallelFiles && this.#crowded());
    const lane = free ?? (wanted ? this.#newLane() : undefined);
    lane?.wake();
  }

  /** Worth another file: many wait, compared with what is under way. */
  #crowded(): boolean {
    let underWay = 0;
    for (const lane of this.#lanes) underWay += lane.underWay;
    return this.#waiting >= Math.max(CROWD, underWay / 2);
  }

  #newLane(): Lane {
    const lane: Lane = new Lane(this.#settings, this.#format, this.#around, this.#clock, {
      nextName: () => this.#events.nextName(),
      opened: () => this.#events.opened(),
      ended: (file) => this.#events.ended(file),
      take: (most) => this.#take(most),
      rested: () => this.#dropEmptyLanes(),
    });
    this.#lanes.push(lane);
    return lane;
  }

  #dropEmptyLanes(): void {
    for (let i = this.#lanes.length - 1; i >= 0; i--) {
      const lane = this.#lanes[i] as Lane;
      if (!lane.busy && !lane.hasFile) this.#lanes.splice(i, 1);
    }
    if (this.#lanes.length === 0 && this.#waiting === 0) this.#events.empty();
  }

  /** The next events, as many as a file may take. */
  #take(room: Room): Run[] {
    const runs: Run[] = [];
    let { events, bodyBytes } = room;
    let bytes = MOST_BYTES;
    while (events > 0 && bodyBytes > 0 && bytes > 0) {
      const [share] = this.#shares;
      if (!share) break;
      let count = 0;
      let taken = 0;
      // One that crosses the limit is in: a file ends once it has reached its size.
      while (count < share.waiting && count < events && taken < bodyBytes && taken < bytes) {
        taken += share.at(count).body.length;
        count++;
      }
      events -= count;
      bodyBytes -= taken;
      bytes -= taken;
      if (count > 0) runs.push(share.take(count, taken));
      if (share.waiting === 0) this.#shares.shift();
    }
    return runs;
  }
}

/** What a file may still take. */
interface Room {
  readonly events: number;
  readonly bodyBytes: number;
}

interface LaneEvents extends Omit<BucketEvents, "empty"> {
  take(room: Room): Run[];
  rested(): void;
}

/** Writes one file at a time. */
class Lane {
  readonly #settings: BucketSettings;
  readonly #format: FileFormat;
  readonly #around: FileSurroundings;
  readonly #clock: Clock;
  readonly #events: LaneEvents;
  #file: HdfsFile | undefined;
  #cancelRoll: (() => void) | undefined;
  #cancelIdle: (() => void) | undefined;
  #rollDue = false;
  #lastWrite = 0;
  #running: Promise<void> | undefined;
  busy = false;
  underWay = 0;

  constructor(
    settings: BucketSettings,
    format: FileFormat,
    around: FileSurroundings,
    clock: Clock,
    events: LaneEvents,
  ) {
    this.#settings = settings;
    this.#format = format;
    this.#around = around;
    this.#clock = clock;
    this.#events = events;
  }

  get hasFile(): boolean {
    return this.#file !== undefined;
  }

  async close(): Promise<void> {
    await this.#running;
    await this.endFile();
  }

  wake(): void {
    if (this.busy) return;
    this.busy = true;
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    // Nothing in it rejects.
    this.#running = this.#run();
  }

  async endFile(): Promise<void> {
    this.#cancelRoll?.();
    this.#cancelIdle?.();
    this.#cancelRoll = undefined;
    this.#cancelIdle = undefined;
    this.#rollDue = false;
    const file = this.#file;
    this.#file = undefined;
    if (file) await this.#events.ended(file);
  }

  async #run(): Promise<void> {
    for (;;) {
      // Those who were told that the last write came through are about to bring more.
      await sleep(Math.min(this.#lastWrite * LINGER_SHARE, LONGEST_LINGER), this.#around.stopping);
      const runs = this.#events.take(this.#room);
      if (runs.length === 0) break;
      await this.#write(runs);
      const { events, bodyBytes } = this.#room;
      if (this.#file?.broken || events <= 0 || bodyBytes <= 0) await this.endFile();
      if (this.#rollDue) await this.endFile();
    }
    this.busy = false;
    if (this.#rollDue || this.#file?.empty) await this.endFile();
    else this.#watchIdle();
    this.#events.rested();
  }

  #begin(): HdfsFile {
    return new HdfsFile(this.#events.nextName(), this.#format.begin(), this.#around);
  }

  async #write(runs: readonly Run[]): Promise<void> {
    const batch = joinBatches(runs.map((run) => run.batch));
    const bodyBytes = runs.reduce((sum, run) => sum + run.bodyBytes, 0);
    this.underWay = batch.length;
    const started = performance.now();
    try {
      await this.#writeSomewhere(batch, bodyBytes);
      for (const { share } of runs) share.written();
    } catch (error) {
      for (const { share, batch: part } of runs) share.failed(part, error);
    }
    this.underWay = 0;
    this.#lastWrite = performance.now() - started;
  }

  /** Into the file that is open, or another one when that cannot be written any more. */
  async #writeSomewhere(batch: EventBatch, bodyBytes: number): Promise<void> {
    for (let tries = 1; ; tries++) {
      const file = (this.#file ??= this.#begin());
      const isNew = file.events === 0;
      try {
        await file.write(batch, bodyBytes);
        if (isNew) this.#opened();
        return;
      } catch (error) {
        // A name that is taken, or a file that somebody else holds open; nothing of this write is in it.
        const another = error instanceof NameTaken || (file.broken && asDeliveryError(error).outcome === "none");
        if (!another || tries >= MOST_NAMES) throw error;
        await this.endFile();
      }
    }
  }

  #opened(): void {
    const { rollInterval } = this.#settings;
    this.#events.opened();
    if (rollInterval > 0) this.#cancelRoll = this.#clock.after(rollInterval * 1000, () => this.#timeToRoll());
  }

  #timeToRoll(): void {
    this.#rollDue = true;
    if (!this.busy) this.#endAndRest();
  }

  #watchIdle(): void {
    const { idleTimeout } = this.#settings;
    if (!this.#file || idleTimeout <= 0) return;
    this.#cancelIdle = this.#clock.after(idleTimeout * 1000, () => {
      if (!this.busy) this.#endAndRest();
    });
  }

  #endAndRest(): void {
    void this.endFile().finally(() => this.#events.rested());
  }

  get #room(): Room {
    const { rollCount, rollSize } = this.#settings;
    return {
      events: rollCount > 0 ? rollCount - (this.#file?.events ?? 0) : Number.POSITIVE_INFINITY,
      bodyBytes: rollSize > 0 ? rollSize - (this.#file?.bodyBytes ?? 0) : Number.POSITIVE_INFINITY,
    };
  }
}
