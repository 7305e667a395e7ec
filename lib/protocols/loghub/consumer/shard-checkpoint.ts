import { sleep } from "../../../engine/backoff.js";
import type { Clock } from "../../../engine/clock.js";
import { isHeadraceError } from "../../../engine/errors.js";
import type { Cursor } from "../port.js";

/** Attempts of one save, and the pause between them in milliseconds. */
const ATTEMPTS = 3;
const PAUSE = 100;
/** After a save that failed, in milliseconds. */
const AGAIN_AFTER = 1_000;

export interface CheckpointSettings {
  /** Milliseconds between two saves; 0: each position is saved as soon as the one before is. */
  readonly interval: number;
  readonly clock: Clock;
  save(cursor: Cursor, signal: AbortSignal): Promise<void>;
  /** With nothing: saved. An error of a save that will be tried again, unless the checkpoint is closed meanwhile. */
  settled(error?: unknown): void;
}

/**
 * How far a shard has been delivered, and how far Log Service knows of it. Saves by itself, one save at a time,
 * always the latest position, and none twice.
 */
export class ShardCheckpoint {
  readonly #settings: CheckpointSettings;
  readonly #closed = new AbortController();
  #saved: Cursor | undefined;
  #position: Cursor;
  #due: number;
  #saving: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;

  /** `saved`: what Log Service has of it. */
  constructor(settings: CheckpointSettings, position: Cursor, saved: Cursor | undefined) {
    this.#settings = settings;
    this.#position = position;
    this.#saved = saved;
    this.#due = settings.clock.now() + settings.interval;
    this.#schedule();
  }

  get position(): Cursor {
    return this.#position;
  }

  moved(position: Cursor): void {
    this.#position = position;
    this.#schedule();
  }

  /** What was saved does not count any more: the same position is saved again when it is due. */
  forget(): void {
    this.#saved = undefined;
    this.#schedule();
  }

  /** Saves now what is not saved; never rejects. */
  async flush(): Promise<void> {
    await this.#saving;
    if (this.#saved !== this.#position && !this.#closed.signal.aborted) await this.#start();
  }

  /** Saves nothing any more; a save under way is given up. */
  close(): void {
    this.#closed.abort();
    this.#cancelTimer?.();
  }

  #schedule(): void {
    if (this.#saved === this.#position || this.#saving || this.#cancelTimer || this.#closed.signal.aborted) return;
    const wait = this.#due - this.#settings.clock.now();
    if (wait <= 0) {
      void this.#start();
      return;
    }
    this.#cancelTimer = this.#settings.clock.after(wait, () => {
      this.#cancelTimer = undefined;
      this.#schedule();
    });
  }

  #start(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#saving = this.#save().finally(() => {
      this.#saving = undefined;
      this.#schedule();
    });
    return this.#saving;
  }

  async #save(): Promise<void> {
    const { clock, interval, settled } = this.#settings;
    const cursor = this.#position;
    try {
      await this.#attempts(cursor);
      this.#saved = cursor;
      this.#due = clock.now() + interval;
      settled();
    } catch (error) {
      this.#due = clock.now() + Math.max(interval, AGAIN_AFTER);
      if (!this.#closed.signal.aborted) settled(error);
    }
  }

  async #attempts(cursor: Cursor): Promise<void> {
    const { signal } = this.#closed;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#settings.save(cursor, signal);
        return;
      } catch (error) {
        if (attempt === ATTEMPTS || signal.aborted || isFinal(error)) throw error;
        await sleep(PAUSE, signal, this.#settings.clock);
      }
    }
  }
}

/** Asking again at once would give the same answer. */
function isFinal(error: unknown): boolean {
  return isHeadraceError(error) && FINAL.has(error.code);
}

const FINAL: ReadonlySet<string> = new Set([
  "FLUME_LOGHUB_SHARD_LOST",
  "FLUME_LOGHUB_GROUP_MISSING",
  "FLUME_LOGHUB_CONSUMER_UNKNOWN",
  "FLUME_LOGHUB_KEY",
  "FLUME_LOGHUB_UNAUTHORIZED",
]);
