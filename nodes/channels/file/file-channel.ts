import { Admission } from "../../../lib/engine/admission.js";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import type { Channel, Consumer, Limits, Prepared } from "../../../lib/engine/contracts.js";
import { sleep } from "../../../lib/engine/backoff.js";
import {
  asDeliveryError,
  batchTooLarge,
  DeliveryError,
  HeadraceError,
  isHeadraceError,
  reasonOf,
} from "../../../lib/engine/errors.js";
import { preparedPut } from "../../../lib/engine/prepared-put.js";
import { QueueConsumer } from "../../../lib/engine/queue-consumer.js";
import { type DirectoryLock, lockDirectory } from "./directory-lock.js";
import { directorySet } from "./directory-set.js";
import type { KeyRing } from "./encryption.js";
import { FileLog, type LogSettings, type LogSurroundings } from "./file-log.js";
import { realFileSystem } from "./file-system.js";
import { ownedFileSystem } from "./owned-file-system.js";
import type { Damage } from "./recovery.js";
import type { StoredSlot } from "./stored-queue.js";

/** Of one transaction: it is written by one call, from one piece of memory. */
const MOST_TRANSACTION_BYTES = 256 * 1024 * 1024;
/** Milliseconds between attempts to open directories again that another owns. */
const REOPEN_EVERY = 3000;

export interface FileChannelSettings extends Omit<LogSettings, "keys" | "leaving"> {
  /** Read at each start: they may come from a file. */
  readonly keys: () => Promise<KeyRing | undefined>;
  readonly capacity: number;
  readonly transactionCapacity: number;
  /** Seconds that a put waits for room. */
  readonly keepAlive: number;
  /** Milliseconds. */
  readonly checkpointInterval: number;
  readonly checkpointOnClose: boolean;
}

export interface FileChannelSurroundings extends LogSurroundings {
  /** Tests with a disk of their own own it anyway. */
  readonly lock?: typeof lockDirectory;
}

/** What there is only while the channel is open. */
interface Opened {
  readonly log: FileLog;
  readonly admission: Admission;
  readonly consumers: Set<QueueConsumer>;
  readonly locks: readonly DirectoryLock[];
  readonly checkpoints: NodeJS.Timeout;
}

/**
 * Events on the disk, in order of admission. A put is answered when it is on the disk; a take is over when it is
 * written, and rides the next sync: the end of the process repeats nothing that was committed, a power failure may
 * repeat the last 50 ms.
 */
export class FileChannel implements Channel {
  readonly id: string;
  readonly takeSize = Number.POSITIVE_INFINITY;
  readonly maxInFlight = Number.POSITIVE_INFINITY;
  readonly limits: Limits;
  readonly room: Limits;
  readonly capacity: number;
  /** What the last opening found damaged. */
  damage: readonly Damage[] = [];
  readonly #settings: FileChannelSettings;
  readonly #context: ComponentContext;
  readonly #given: FileChannelSurroundings;
  #opened: Opened | undefined;
  #opening: Promise<void> | undefined;
  /** Why it has closed by itself, and what it held then, until it is open again. */
  #closedBy: { readonly why: HeadraceError; readonly held: number } | undefined;
  #reopening: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(settings: FileChannelSettings, context: ComponentContext, given: FileChannelSurroundings = {}) {
    this.id = context.id;
    this.#settings = settings;
    this.#context = context;
    this.#given = given;
    this.capacity = settings.capacity;
    this.room = { events: settings.capacity, bytes: Number.POSITIVE_INFINITY };
    this.limits = {
      events: Math.min(settings.transactionCapacity, settings.capacity),
      bytes: MOST_TRANSACTION_BYTES,
    };
  }

  get size(): number {
    return this.#opened?.admission.events ?? this.#closedBy?.held ?? 0;
  }

  async start(): Promise<void> {
    if (this.#opened) return;
    this.#opening ??= this.#openNow().finally(() => (this.#opening = undefined));
    await this.#opening;
  }

  async stop(): Promise<void> {
    // It may have opened, and lost it once more, while it was waited for.
    for (let reopening = this.#reopening; reopening; reopening = this.#reopening) {
      this.#reopening = undefined;
      reopening.stop.abort();
      await reopening.ended;
    }
    this.#closedBy = undefined;
    await this.#opening?.catch(() => undefined);
    const opened = this.#opened;
    if (!opened) return;
    this.#opened = undefined;
    await close(opened, { checkpoint: this.#settings.checkpointOnClose });
  }

  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    const opened = this.#open;
    const { length } = batch;
    const { limits } = this;
    if (batch.bytes > limits.bytes) throw batchTooLarge(length, batch.bytes, limits);
    this.#context.counters.add("EventPutAttemptCount", length);
    let slot: StoredSlot | undefined;
    const waiting = opened.admission.request(length, 0, signal, () => {
      slot = opened.log.queue.reserve(length);
    });
    if (waiting) await waiting;
    const reserved = slot as unknown as StoredSlot;
    const { log, admission } = opened;
    return preparedPut(length, {
      store: () => log.put(reserved, batch),
      giveUp: () => log.giveUp(reserved),
      release: () => admission.release(length, 0),
      stored: () => this.#context.counters.add("EventPutSuccessCount", length),
    });
  }

  connect({ maxLeases }: { id: string; maxLeases: number }): Consumer {
    const { log, admission, consumers } = this.#open;
    const { counters } = this.#context;
    const consumer: QueueConsumer = new QueueConsumer(maxLeases, log.queue, {
      taken: (events) => counters.add("EventTakeAttemptCount", events),
      committed: async (pieces, batch) => {
        await log.take(pieces);
        counters.add("EventTakeSuccessCount", batch.length);
        admission.release(batch.length, 0);
      },
      returned: () => this.#wake(),
      closed: () => consumers.delete(consumer),
    });
    consumers.add(consumer);
    return consumer;
  }

  /** Writes a checkpoint now. */
  async checkpoint(): Promise<void> {
    await this.#opened?.log.checkpoint();
  }

  /** Goes on in a new segment now. */
  async roll(): Promise<void> {
    await this.#opened?.log.roll();
  }

  #wake(): void {
    for (const consumer of this.#opened?.consumers ?? []) consumer.wake();
  }

  get #open(): Opened {
    if (this.#opened) return this.#opened;
    throw this.#closedBy ? asDeliveryError(this.#closedBy.why) : new DeliveryError("FLUME_STOPPED");
  }

  async #openNow(): Promise<void> {
    const settings = this.#settings;
    const { directories, checkpointDirectory, backupDirectory } = settings;
    if (backupDirectory === checkpointDirectory) {
      const clash = { field: "backupCheckpointDir", value: backupDirectory, other: "checkpointDir" };
      throw new HeadraceError("FLUME_CONFIG_SAME_DIRECTORY", clash);
    }
    const all = new Set([...directories, checkpointDirectory, ...(backupDirectory ? [backupDirectory] : [])]);
    const locks: DirectoryLock[] = [];
    let lost: HeadraceError | undefined;
    const onLost = (why: HeadraceError) => {
      lost ??= why;
      if (this.#opened?.locks === locks) this.#letGo(this.#opened, why);
    };
    const fileSystem = ownedFileSystem(this.#given.fileSystem ?? realFileSystem, locks);
    try {
      for (const directory of all) locks.push(await this.#own(directory, onLost));
      const set = await directorySet(fileSystem, directories, checkpointDirectory);
      const { leaving } = set;
      for (const directory of leaving) locks.push(await this.#own(directory, onLost));
      await set.store();
      const { log, damage, events } = await FileLog.open(
        { ...settings, leaving, keys: await settings.keys() },
        {
          more: () => this.#wake(),
          lost: (count, where) => this.#lost(count, where),
          report: (error) => this.#context.report(error),
        },
        { ...this.#given, fileSystem },
      );
      const admission = new Admission({
        capacity: this.room,
        transaction: this.limits.events,
        keepAlive: settings.keepAlive,
      });
      admission.restore(events, 0);
      const checkpoints = setInterval(() => {
        log.checkpoint().catch((error: unknown) => {
          this.#context.log.warn(checkpointFailed(checkpointDirectory, error).message);
        });
      }, settings.checkpointInterval);
      checkpoints.unref();
      this.damage = damage;
      this.#closedBy = undefined;
      const opened = { log, admission, consumers: new Set<QueueConsumer>(), locks, checkpoints };
      this.#opened = opened;
      if (lost) this.#letGo(opened, lost);
    } catch (error) {
      for (const lock of locks) await lock.release();
      throw error;
    }
    for (const found of this.damage) this.#context.log.warn(damageError(found).message);
  }

  /** Another owns a directory now: what was known of it is worth nothing, and it is opened again as at a start. */
  #letGo(opened: Opened, why: HeadraceError): void {
    this.#opened = undefined;
    this.#closedBy = { why, held: opened.admission.events };
    this.#context.report(why);
    const stop = new AbortController();
    this.#reopening = { stop, ended: this.#reopen(opened, why, stop.signal) };
  }

  async #reopen(opened: Opened, why: HeadraceError, signal: AbortSignal): Promise<void> {
    await close(opened, { checkpoint: false, why }).catch((error: unknown) => this.#context.report(error));
    while (!signal.aborted) {
      try {
        await this.start();
        this.#context.report();
        return;
      } catch (error) {
        this.#context.report(error);
      }
      await sleep(REOPEN_EVERY, signal);
    }
  }

  async #own(directory: string, onLost: (why: HeadraceError) => void): Promise<DirectoryLock> {
    try {
      await (this.#given.fileSystem ?? realFileSystem).makeDirectory(directory);
      return await (this.#given.lock ?? lockDirectory)(directory, onLost);
    } catch (error) {
      if (isHeadraceError(error)) throw error;
      throw new HeadraceError("FLUME_DIRECTORY_UNUSABLE", { directory, reason: reasonOf(error) }, error);
    }
  }

  #lost(events: number, directory: string): void {
    this.#opened?.admission.release(events, 0);
    this.#context.report(new HeadraceError("FLUME_FILE_CHANNEL_EVENTS_LOST", { events, directory }));
  }
}

/** `why`: it closes by itself, and those who take are to know. */
async function close(
  { checkpoints, admission, consumers, log, locks }: Opened,
  { checkpoint, why }: { checkpoint: boolean; why?: HeadraceError },
): Promise<void> {
  clearInterval(checkpoints);
  admission.close(why ? asDeliveryError(why) : new DeliveryError("FLUME_STOPPED"));
  for (const consumer of [...consumers]) await consumer.close(why);
  try {
    await log.close(checkpoint);
  } finally {
    for (const lock of locks) await lock.release();
  }
}

function checkpointFailed(directory: string, error: unknown): HeadraceError {
  return new HeadraceError("FLUME_FILE_CHANNEL_CHECKPOINT", { directory, reason: reasonOf(error) }, error);
}

/** One damaged part as a person is told of it. */
export function damageError(damage: Damage): HeadraceError {
  const { file, offset, bytes, events, keptIn } = damage;
  return new HeadraceError("FLUME_FILE_CHANNEL_DAMAGED", {
    file,
    offset,
    bytes,
    events: events ?? "?",
    keptIn: keptIn ?? "-",
  });
}
