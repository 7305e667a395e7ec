import { watchAbort } from "../../../engine/abort.js";
import { sleep } from "../../../engine/backoff.js";
import { HeadraceError, isHeadraceError } from "../../../engine/errors.js";
import type { Cursor, PulledGroups } from "../port.js";
import type { Booking, PullBudget } from "./pull-budget.js";
import { isAtEnd, PullPace } from "./pull-pace.js";
import { RetryPlan } from "./retry-plan.js";
import type { ConsumerSettings, ConsumerSurroundings } from "./surroundings.js";
import type { Troubles } from "./troubles.js";

/** Milliseconds between two questions how late a shard is, where replies do not tell. */
const ASK_TIME_EVERY = 10_000;

/** One reply, ready to be delivered. */
export interface Fetched {
  /** See PulledGroups. */
  readonly groups: Buffer;
  readonly next: Cursor;
  readonly atEnd: boolean;
  /** When its last group was received, in seconds since 1970, if known. */
  readonly receivedAt: number | undefined;
  /** By whoever has the reply, once its events are delivered: `groups` is something else then. May be called more than once. */
  release(): void;
}

export interface PullerEvents {
  /** The service does not know this shard any more. */
  gone(): void;
  /** The place to go on from has been deleted, and the shard goes on elsewhere: after these seconds, if known. */
  expired(skippedSeconds: number | undefined): void;
}

/** Asks one shard for what follows, at its pace, again and again until it gets it. */
export class ShardPuller {
  readonly #shard: number;
  readonly #settings: ConsumerSettings;
  readonly #around: ConsumerSurroundings;
  readonly #budget: PullBudget;
  readonly #troubles: Troubles;
  readonly #events: PullerEvents;
  readonly #pace: PullPace;
  readonly #retry = new RetryPlan();
  readonly #where: string;
  #cursor: Cursor;
  /** Before the next pull, in milliseconds. */
  #wait = 0;
  #askedTime = Number.NEGATIVE_INFINITY;
  /** Of the last group that was read, in seconds since 1970. */
  #receivedAt: number | undefined;

  constructor(
    shard: number,
    cursor: Cursor,
    settings: ConsumerSettings,
    around: ConsumerSurroundings,
    budget: PullBudget,
    events: PullerEvents,
  ) {
    this.#shard = shard;
    this.#cursor = cursor;
    this.#settings = settings;
    this.#around = around;
    this.#budget = budget;
    this.#troubles = around.troubles;
    this.#events = events;
    this.#where = `shard ${shard}`;
    this.#pace = new PullPace({ ...settings, count: settings.fetchCount });
  }

  /** The next reply; undefined once the signal aborts. Never rejects. One at a time. */
  async next(signal: AbortSignal): Promise<Fetched | undefined> {
    if (this.#wait > 0) await sleep(this.#wait, signal, this.#around.clock);
    while (!signal.aborted) {
      let booking: Booking;
      try {
        booking = await this.#budget.book(signal);
      } catch {
        break;
      }
      try {
        const fetched = await this.#pull(booking, signal);
        this.#retry.succeeded();
        this.#troubles.ends(this.#where);
        return fetched;
      } catch (error) {
        booking.release();
        if (!signal.aborted) await this.#failed(error, signal);
      }
    }
    this.#troubles.ends(this.#where);
    return undefined;
  }

  async #pull(booking: Booking, signal: AbortSignal): Promise<Fetched> {
    const { store, counters } = this.#around;
    const { fetchCount, filter } = this.#settings;
    const cursor = this.#cursor;
    counters.add("LogHubPullCount");
    const reply = await store.pull({ shard: this.#shard, cursor, count: fetchCount, filter }, signal);
    // All that it keeps alive, which may be more than it fills.
    booking.holds(reply.groups.buffer.byteLength);
    const release = () => {
      booking.release();
      reply.release();
    };
    if (signal.aborted) release();
    signal.throwIfAborted();
    this.#cursor = reply.next;
    this.#wait = this.#pace.after(reply, cursor);
    const atEnd = isAtEnd(reply, cursor);
    const receivedAt = await this.#timeOf(reply, atEnd, signal);
    return { groups: reply.groups, next: reply.next, atEnd, receivedAt, release };
  }

  async #timeOf(reply: PulledGroups, atEnd: boolean, signal: AbortSignal): Promise<number | undefined> {
    const { store, clock } = this.#around;
    if (reply.receivedAt !== undefined) this.#receivedAt = reply.receivedAt;
    else if (!atEnd && clock.now() - this.#askedTime >= ASK_TIME_EVERY) {
      this.#askedTime = clock.now();
      try {
        this.#receivedAt = await store.cursorTime(this.#shard, reply.next, signal);
      } catch {
        // Nothing but the lag that is shown depends on it.
      }
    }
    return this.#receivedAt;
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, counters, log } = this.#around;
    const code = isHeadraceError(error) ? error.code : "";
    if (code === "FLUME_LOGHUB_SHARD_LOST") {
      log.info(`Shard ${this.#shard} is gone: ${(error as Error).message}`);
      this.#events.gone();
      return;
    }
    let trouble = error;
    if (code === "FLUME_LOGHUB_CURSOR_INVALID") {
      try {
        if (await this.#expired(error, signal)) return;
      } catch (another) {
        trouble = another;
      }
    }
    counters.add(code === "FLUME_LOGHUB_QUOTA" ? "LogHubThrottleCount" : "LogHubPullFail");
    const { wait, tell } = this.#retry.failed(trouble);
    if (tell && !signal.aborted) this.#troubles.begins(this.#where, trouble);
    await sleep(wait, signal, clock);
  }

  /** The place to go on from is no longer kept. @returns whether there is another */
  async #expired(error: unknown, signal: AbortSignal): Promise<boolean> {
    const { store, counters } = this.#around;
    const { onInvalidCursor } = this.#settings;
    if (onInvalidCursor === "stop") {
      const stopped = new HeadraceError("FLUME_LOGHUB_SHARD_STOPPED", { shard: this.#shard }, error);
      this.#troubles.begins(this.#where, stopped);
      // Nothing is asked any more: a person decides, and deploys.
      if (!signal.aborted) await new Promise<void>((resolve) => watchAbort(signal, resolve));
      return true;
    }
    const cursor = await store.cursor(this.#shard, onInvalidCursor, signal);
    // The same again is no way out: the fault is another one.
    if (cursor === this.#cursor) return false;
    const skipped = await this.#skipped(cursor, signal);
    counters.add("LogHubCursorExpiredCount");
    if (skipped !== undefined) counters.add("LogHubSkippedSeconds", skipped);
    this.#cursor = cursor;
    this.#events.expired(skipped);
    return true;
  }

  /** Between what was read last and what is read next, in seconds, as far as Log Service can tell. */
  async #skipped(cursor: Cursor, signal: AbortSignal): Promise<number | undefined> {
    const { store } = this.#around;
    const from = this.#receivedAt ?? secondOf(this.#cursor);
    if (from === undefined) return undefined;
    try {
      return Math.max(0, (await store.cursorTime(this.#shard, cursor, signal)) - from);
    } catch {
      return undefined;
    }
  }
}

/**
 * When what is at a cursor was received, where the service does not tell any more. Those in its documentation are base64
 * of a number of 19 digits, which begins with the second: seen, not promised, and good for a figure that people see.
 */
function secondOf(cursor: Cursor): number | undefined {
  const digits = Buffer.from(cursor, "base64").toString("latin1");
  return /^\d{19}$/.test(digits) ? Number(digits.slice(0, 10)) : undefined;
}
