import { sleep } from "../../../engine/backoff.js";
import type { Clock } from "../../../engine/clock.js";
import { isHeadraceError } from "../../../engine/errors.js";
import type { LogStore, Member } from "../port.js";
import { RetryPlan } from "./retry-plan.js";
import type { Troubles } from "./troubles.js";

/** Heartbeats without an answer at most; more would not help. */
const MOST_UNDER_WAY = 4;
/** Least pause between two heartbeats that are sent out of turn, in milliseconds. */
const LEAST_PAUSE = 500;
/** How long the last heartbeat may take, in milliseconds. */
const LAST_WAIT = 1_000;
const WHERE = "heartbeat";

export interface MembershipSettings {
  readonly member: Member;
  /** Milliseconds between heartbeats. */
  readonly interval: number;
  /** After this long without a heartbeat that was answered others have our shards, in milliseconds. */
  readonly timeout: number;
}

export interface MembershipEvents {
  /** The shards that this consumer still works on: those it was given, until nothing of them is left. */
  working(): Iterable<number>;
  /** The shards that the service wants it to hold. */
  assigned(shards: ReadonlySet<number>): void;
  /** It holds nothing any more: the service has forgotten it, or must have by now. */
  evicted(why: string): void;
  groupMissing(error: unknown): void;
}

/**
 * Says again and again that this consumer is alive, and learns which shards it has. Heartbeats do not wait for each
 * other's answers, so a slow answer costs nothing; an answer older than one that is known already is left alone.
 */
export class Membership {
  readonly #store: LogStore;
  readonly #settings: MembershipSettings;
  readonly #clock: Clock;
  readonly #troubles: Troubles;
  readonly #events: MembershipEvents;
  readonly #retry: RetryPlan;
  readonly #wallTime: () => number;
  readonly #stopped = new AbortController();
  /** What heartbeats without an answer yet have said. */
  readonly #underWay = new Map<number, readonly number[]>();
  #sent = 0;
  /** The number of the newest heartbeat that was answered. */
  #answered = 0;
  /** Answers to heartbeats up to this one tell of a time before an eviction. */
  #outdated = 0;
  /** When the newest one that was answered was sent. */
  #lastAlive: number | undefined;
  /** The same by the time of day. */
  #lastAliveAt = 0;
  #nextBeat: { readonly at: number; readonly cancel: () => void } | undefined;
  #lastSent = Number.NEGATIVE_INFINITY;
  #cancelEviction: (() => void) | undefined;

  constructor(
    store: LogStore,
    settings: MembershipSettings,
    clock: Clock,
    troubles: Troubles,
    events: MembershipEvents,
    wallTime: () => number = Date.now,
  ) {
    this.#store = store;
    this.#settings = settings;
    this.#clock = clock;
    this.#troubles = troubles;
    this.#events = events;
    this.#wallTime = wallTime;
    this.#retry = new RetryPlan(settings.interval);
  }

  /** When this consumer was alive in the eyes of the service for the last time, by the clock. */
  get lastAlive(): number | undefined {
    return this.#lastAlive;
  }

  /**
   * Finds out that others have our shards before the timer does: in a process that stood still what has arrived meanwhile
   * comes before timers that are late. To be called before anything is handed on.
   */
  confirm(): void {
    const alive = this.#lastAlive;
    if (alive === undefined || !this.#cancelEviction) return;
    const { timeout } = this.#settings;
    // The steady clock stands still while a machine sleeps; the time of day is right again when it wakes.
    const late = this.#clock.now() - alive >= timeout || this.#wallTime() - this.#lastAliveAt >= timeout;
    if (late) this.#evict(this.#silence);
  }

  begin(): void {
    this.#beat();
  }

  /** Something is to be told before it is time: a shard that is done with, or that all are. */
  hurry(): void {
    this.#schedule(Math.max(0, this.#lastSent + LEAST_PAUSE - this.#clock.now()));
  }

  /** Says one last time what it works on (nothing, usually), which ends hand-overs under way. Never rejects. */
  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    this.#nextBeat?.cancel();
    this.#cancelEviction?.();
    this.#underWay.clear();
    const limit = new AbortController();
    await Promise.race([this.#send(limit.signal), sleep(LAST_WAIT, limit.signal, this.#clock)]);
    limit.abort();
    this.#troubles.ends(WHERE);
  }

  #schedule(wait: number): void {
    if (this.#stopped.signal.aborted) return;
    const at = this.#clock.now() + wait;
    if (this.#nextBeat && this.#nextBeat.at <= at) return;
    this.#nextBeat?.cancel();
    this.#nextBeat = { at, cancel: this.#clock.after(wait, () => this.#beat()) };
  }

  #beat(): void {
    this.#nextBeat = undefined;
    this.#schedule(this.#settings.interval);
    if (this.#underWay.size < MOST_UNDER_WAY) void this.#send(this.#stopped.signal);
  }

  /** Never rejects. */
  async #send(signal: AbortSignal): Promise<void> {
    const number = ++this.#sent;
    const at = this.#clock.now();
    const wallAt = this.#wallTime();
    this.#lastSent = at;
    const shards = this.#shards();
    this.#underWay.set(number, shards);
    try {
      const assigned = await this.#store.heartbeat(this.#settings.member, shards, signal);
      if (!this.#stopped.signal.aborted) this.#succeeded(number, { at, wallAt }, assigned);
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.#failed(number, error);
    } finally {
      this.#underWay.delete(number);
    }
  }

  /**
   * What a heartbeat under way has said is said again, though it may be done with by now: they may arrive in any
   * order, and a shard that was given up must not be claimed by the one that comes late.
   */
  #shards(): number[] {
    const shards = new Set(this.#events.working());
    for (const said of this.#underWay.values()) for (const shard of said) shards.add(shard);
    return [...shards].toSorted((a, b) => a - b);
  }

  #succeeded(number: number, { at, wallAt }: { at: number; wallAt: number }, assigned: readonly number[]): void {
    if (number <= this.#answered || number <= this.#outdated) return;
    this.#answered = number;
    this.#lastAlive = at;
    this.#lastAliveAt = wallAt;
    this.#retry.succeeded();
    this.#troubles.ends(WHERE);
    this.#cancelEviction?.();
    this.#cancelEviction = this.#clock.after(at + this.#settings.timeout - this.#clock.now(), () =>
      this.#evict(this.#silence),
    );
    this.#events.assigned(new Set(assigned));
  }

  #failed(number: number, error: unknown): void {
    if (number <= this.#answered || number <= this.#outdated) return;
    const code = isHeadraceError(error) ? error.code : "";
    // Whoever says that it works on nothing is welcome; if even that is refused, it is a fault like others.
    if (code === "FLUME_LOGHUB_CONSUMER_UNKNOWN" && (this.#underWay.get(number)?.length ?? 0) > 0) {
      this.#evict("the service has forgotten this consumer");
      this.hurry();
      return;
    }
    if (code === "FLUME_LOGHUB_GROUP_MISSING") {
      this.#events.groupMissing(error);
      return;
    }
    const { wait, tell } = this.#retry.failed(error);
    if (tell) this.#troubles.begins(WHERE, error);
    this.#schedule(wait);
  }

  get #silence(): string {
    return `no heartbeat was answered for ${this.#settings.timeout / 1000} s`;
  }

  #evict(why: string): void {
    this.#cancelEviction?.();
    this.#cancelEviction = undefined;
    this.#outdated = this.#sent;
    this.#underWay.clear();
    this.#events.evicted(why);
  }
}
