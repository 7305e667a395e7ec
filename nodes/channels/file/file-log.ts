import type { EventBatch } from "../../../lib/engine/batch.js";
import { HeadraceError, reasonOf } from "../../../lib/engine/errors.js";
import { type Piece, rangesOf } from "../../../lib/engine/event-queue.js";
import {
  type CheckpointSource,
  compressCheckpoint,
  encodeCheckpoint,
  type KnownSegment,
  storeCheckpoint,
} from "./checkpoint.js";
import type { KeyRing } from "./encryption.js";
import { type AtFailpoint, noFailpoint } from "./failpoints.js";
import { type FileSystem, realFileSystem } from "./file-system.js";
import { LogWriter } from "./log-writer.js";
import type { Range, SettledEvents } from "./ranges.js";
import { type Damage, type Recovered, recover } from "./recovery.js";
import type { Segment } from "./segment.js";
import { SegmentReader } from "./segment-reader.js";
import { LARGEST_SIZE, SegmentStore } from "./segment-store.js";
import { StoredQueue, type StoredSlot } from "./stored-queue.js";

export interface LogSettings {
  readonly directories: readonly string[];
  /** What they hold still goes out; nothing is put there any more. */
  readonly leaving?: readonly string[];
  readonly checkpointDirectory: string;
  readonly backupDirectory: string | undefined;
  readonly compressBackup: boolean;
  readonly largestSegment: number;
  readonly minimumFree: number;
  /** Milliseconds between syncs; 0: every put waits for one. */
  readonly syncInterval: number;
  readonly keys: KeyRing | undefined;
}

/** What tests put in place of the real thing. */
export interface LogSurroundings {
  readonly fileSystem?: FileSystem;
  readonly at?: AtFailpoint;
  /** Breaks a promise on purpose: shows that the tests notice. */
  readonly broken?: "checksum" | "order" | undefined;
}

export interface LogEvents {
  /** There may be more to take. */
  more(): void;
  /** Events that were put and cannot be read any more. */
  lost(events: number, where: string): void;
  /** Trouble with the disk, or with nothing: it is over. */
  report(error?: HeadraceError): void;
}

/** Milliseconds until a read that failed is tried again. */
const READ_AGAIN_AFTER = 1000;

/** An open log: puts go in, events come out in order of admission, and it says what of them is left after a fault. */
export class FileLog {
  readonly queue: StoredQueue;
  readonly #settings: LogSettings;
  readonly #fileSystem: FileSystem;
  readonly #at: AtFailpoint;
  readonly #store: SegmentStore;
  readonly #writer: LogWriter;
  readonly #reader: SegmentReader;
  readonly #settled: SettledEvents;
  readonly #events: LogEvents;
  #checkpointing: Promise<void> = Promise.resolve();
  #readAgain: NodeJS.Timeout | undefined;

  private constructor(settings: LogSettings, recovered: Recovered, events: LogEvents, given: LogSurroundings) {
    this.#settings = settings;
    this.#events = events;
    this.#fileSystem = given.fileSystem ?? realFileSystem;
    this.#at = given.at ?? noFailpoint;
    this.#settled = recovered.settled;
    const { directories, largestSegment, minimumFree, keys, syncInterval } = settings;
    this.#store = new SegmentStore(
      {
        fileSystem: this.#fileSystem,
        directories,
        largestSegment: Math.min(largestSegment, LARGEST_SIZE),
        minimumFree,
        keys,
        at: this.#at,
        state: () => ({ watermark: this.#settled.watermark, nextEvent: this.queue.nextEvent }),
      },
      recovered,
    );
    this.#reader = new SegmentReader(this.#fileSystem, (id) => this.#segment(id), given.broken === "checksum");
    this.queue = new StoredQueue(
      recovered.entries,
      recovered.nextEvent,
      (entries) => this.#reader.read(entries),
      {
        more: () => events.more(),
        lost: (range) => this.#lost(range),
        readFailed: (error) => this.#readFailed(error),
      },
      given.broken !== "order",
    );
    this.#writer = new LogWriter({
      store: this.#store,
      settled: this.#settled,
      directories,
      syncInterval,
      at: this.#at,
      report: (error) => events.report(error),
    });
  }

  /** Reads what is there, mends it as far as it can be, and makes it ready for more. The directories must exist and be owned. */
  static async open(
    settings: LogSettings,
    events: LogEvents,
    given: LogSurroundings = {},
  ): Promise<{ log: FileLog; damage: readonly Damage[]; events: number; fromCheckpoint: boolean }> {
    const recovered = await recover({
      fileSystem: given.fileSystem ?? realFileSystem,
      directories: [...settings.directories, ...(settings.leaving ?? [])],
      checkpointDirectories: [
        settings.checkpointDirectory,
        ...(settings.backupDirectory ? [settings.backupDirectory] : []),
      ],
      keys: settings.keys,
      at: given.at ?? noFailpoint,
      trusting: given.broken === "checksum",
    });
    const held = recovered.entries.events;
    const log = new FileLog(settings, recovered, events, given);
    await log.#store.open();
    // The header of the new segment, which is on the disk, tells of this watermark.
    log.#store.drop(recovered.settled.watermark);
    return { log, damage: recovered.damage, events: held, fromCheckpoint: recovered.fromCheckpoint };
  }

  /** Why puts are refused at once, if they are. */
  get problem(): HeadraceError | undefined {
    return this.#store.problem;
  }

  /** Resolves when the events of the slot are on the disk. The slot is given up when they are not. */
  put(slot: StoredSlot, batch: EventBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writer.put({
        first: slot.first,
        batch,
        done: (entry) => {
          this.queue.stored(slot, entry, batch);
          resolve();
        },
        failed: (error) => {
          this.queue.giveUp(slot);
          reject(error);
        },
      });
    });
  }

  /** A slot that will never be put. */
  giveUp(slot: StoredSlot): void {
    this.#settled.add(slot.first, slot.first + slot.count);
    this.queue.giveUp(slot);
  }

  /** Resolves when it is written that these are taken. */
  take(pieces: readonly Piece[]): Promise<void> {
    return new Promise((resolve) => {
      this.#writer.take({
        ranges: rangesOf(pieces),
        done: () => {
          this.queue.forget(pieces);
          resolve();
        },
      });
    });
  }

  /** Everything handed over so far is synced, or has failed. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** Goes on in a new segment. */
  roll(): Promise<void> {
    return this.#writer.roll();
  }

  /** Writes down what is held, so that the next opening need not read it all. Never two at once. */
  checkpoint(): Promise<void> {
    const next = this.#checkpointing.then(() => this.#checkpoint());
    this.#checkpointing = next.catch(() => undefined);
    return next;
  }

  async close(withCheckpoint: boolean): Promise<void> {
    clearTimeout(this.#readAgain);
    this.queue.close();
    await this.#writer.close();
    if (withCheckpoint) await this.checkpoint().catch((error: unknown) => this.#checkpointFailed(error));
    await this.#checkpointing;
    await this.#reader.close();
    await this.#store.close();
  }

  #segment(id: number): Segment | undefined {
    const { active, sealed } = this.#store;
    return active.id === id ? active : sealed.find((segment) => segment.id === id);
  }

  async #checkpoint(): Promise<void> {
    const { checkpointDirectory, backupDirectory, compressBackup } = this.#settings;
    const bytes = await encodeCheckpoint(this.#snapshot());
    await storeCheckpoint(this.#fileSystem, checkpointDirectory, bytes, this.#at);
    if (!backupDirectory) return;
    const copy = compressBackup ? await compressCheckpoint(bytes) : bytes;
    await storeCheckpoint(this.#fileSystem, backupDirectory, copy, this.#at);
  }

  /** All in one breath. What comes behind `published` is read again at the next opening, told twice or not. */
  #snapshot(): CheckpointSource {
    const { sealed, active } = this.#store;
    return {
      watermark: this.#settled.watermark,
      settled: [...this.#settled.ranges],
      nextEvent: this.queue.nextEvent,
      segments: [...sealed, active].map(known),
      ...this.queue.snapshot(),
    };
  }

  #checkpointFailed(error: unknown): void {
    const { checkpointDirectory } = this.#settings;
    this.#events.report(
      new HeadraceError(
        "FLUME_FILE_CHANNEL_CHECKPOINT",
        { directory: checkpointDirectory, reason: reasonOf(error) },
        error,
      ),
    );
  }

  #lost(range: Range): void {
    this.#writer.take({ ranges: [range], done: () => undefined });
    this.#events.lost(range.to - range.from, this.#settings.directories.join(", "));
  }

  #readFailed(error: unknown): void {
    this.#events.report(
      error instanceof HeadraceError
        ? error
        : new HeadraceError(
            "FLUME_FILE_CHANNEL_READ_FAILED",
            { directory: this.#settings.directories.join(", "), reason: reasonOf(error) },
            error,
          ),
    );
    clearTimeout(this.#readAgain);
    this.#readAgain = setTimeout(() => this.#events.more(), READ_AGAIN_AFTER);
  }
}

function known(segment: Segment): KnownSegment {
  const { id, published, endEvent, last } = segment;
  return { id, marker: segment.header.marker.toString("hex"), published, endEvent, last };
}
