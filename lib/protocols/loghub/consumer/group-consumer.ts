import { sleep, within } from "../../../engine/backoff.js";
import { HeadraceError, isHeadraceError } from "../../../engine/errors.js";
import type { Cursor } from "../port.js";
import { ensureGroup } from "./consumer-group.js";
import { Membership } from "./membership.js";
import { PullBudget } from "./pull-budget.js";
import { RetryPlan } from "./retry-plan.js";
import { type Beginning, ShardConsumer } from "./shard-consumer.js";
import { type ConsumerSettings, type ConsumerSurroundings, memberOf } from "./surroundings.js";
import type { Troubles } from "./troubles.js";

/** How long a shard that goes to another consumer may take to deliver what it has in hand, in milliseconds. */
const HAND_OVER_WAIT = 10_000;
/** The same when the consumer stops; what is not accepted then is taken back. */
const STOP_WAIT = 1_500;
/** How long a stop waits for what is accepted and not settled, and for checkpoints. */
const SETTLE_WAIT = 4_000;
/** A shard whose place expires again and again is spoken of this often, in milliseconds. */
const WARN_EVERY = 600_000;
const WHERE = "consumer group";

/** A member of a consumer group: joins it, reads the shards it is given, and outlives every fault of the service. */
export class GroupConsumer {
  readonly #settings: ConsumerSettings;
  readonly #around: ConsumerSurroundings;
  readonly #budget: PullBudget;
  readonly #troubles: Troubles;
  readonly #stopped = new AbortController();
  readonly #consumers = new Map<number, ShardConsumer>();
  #assigned: ReadonlySet<number> = new Set();
  #membership: Membership | undefined;
  #joining: Promise<void>;
  /** Shards that were there when this consumer joined a group that had read nothing yet. */
  #firstShards: ReadonlySet<number> | undefined;
  /** Where shards go on whose checkpoints were deleted with their group. */
  #remembered: ReadonlyMap<number, Cursor> = new Map();
  /** When the group was there for the last time, in milliseconds since 1970. */
  #regroupedAt: number | undefined;
  #regrouping = false;
  /** It was made anew, and no heartbeat has been answered since. */
  #regroupedOnce = false;
  readonly #warnedOf = new Map<number, number>();
  #lastLook = Number.NEGATIVE_INFINITY;
  #lastExpiry = Number.NEGATIVE_INFINITY;

  constructor(settings: ConsumerSettings, around: ConsumerSurroundings) {
    this.#settings = settings;
    this.#around = around;
    this.#budget = new PullBudget(settings.memory);
    this.#troubles = around.troubles;
    this.#joining = this.#join();
  }

  /** Shards that this consumer reads now. */
  get held(): number {
    let held = 0;
    for (const { dropped } of this.#consumers.values()) if (!dropped) held++;
    return held;
  }

  /** Seconds between now and when the oldest of what is still to be delivered was received, over all shards held. */
  get lag(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { behindSince, dropped } of this.#consumers.values()) {
      if (behindSince !== undefined && !dropped) oldest = Math.min(oldest, behindSince);
    }
    return Math.max(0, Math.round(this.#around.wallTime() / 1000 - oldest));
  }

  /** Bytes of replies that are held in memory. */
  get memoryUsed(): number {
    return this.#budget.used;
  }

  /** Milliseconds since a place to go on from was found expired; Infinity when never. */
  get sinceExpiry(): number {
    return this.#around.clock.now() - this.#lastExpiry;
  }

  /**
   * Takes back what is not accepted, writes the checkpoints, and only then falls silent. Within about 8 s. Whoever
   * comes back under the same name goes on at once.
   */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#joining;
    const ended = Promise.all([...this.#consumers.values()].map((consumer) => consumer.finish(STOP_WAIT)));
    if (!(await within(STOP_WAIT + SETTLE_WAIT, ended))) {
      for (const consumer of this.#consumers.values()) consumer.drop();
    }
    await this.#membership?.stop();
  }

  /** Makes sure of the group and begins to send heartbeats. Never rejects. */
  async #join(): Promise<void> {
    const { store, clock } = this.#around;
    const { signal } = this.#stopped;
    const retry = new RetryPlan();
    while (!signal.aborted) {
      try {
        const known = await ensureGroup(store, this.#settings.group, signal);
        if (!this.#membership) this.#firstShards = await this.#shardsOfNewGroup(known, signal);
        this.#troubles.ends(WHERE);
        this.#beginHeartbeats();
        return;
      } catch (error) {
        if (signal.aborted) break;
        const { wait, tell } = retry.failed(error);
        if (tell) this.#troubles.begins(WHERE, error);
        await sleep(wait, signal, clock);
      }
    }
    this.#troubles.ends(WHERE);
  }

  #beginHeartbeats(): void {
    if (this.#membership) {
      this.#membership.hurry();
      return;
    }
    const { store, clock, wallTime } = this.#around;
    const { heartbeatInterval, group } = this.#settings;
    this.#membership = new Membership(
      store,
      { member: memberOf(this.#settings), interval: heartbeatInterval, timeout: group.timeout * 1000 },
      clock,
      this.#troubles,
      {
        working: () => this.#working(),
        assigned: (shards) => this.#assign(shards),
        evicted: (why) => this.#evicted(why),
        groupMissing: (error) => this.#regroup(error),
      },
      wallTime,
    );
    this.#membership.begin();
  }

  /**
   * "The end" means the end when the group begins. A shard that comes later, by a split or a merge, is read from its
   * first group on, or what was written before anybody looked at it would be lost. Undefined: every shard
   * without a checkpoint came later.
   */
  async #shardsOfNewGroup(known: boolean, signal: AbortSignal): Promise<ReadonlySet<number> | undefined> {
    const { store } = this.#around;
    const { position, group } = this.#settings;
    if (position !== "end") return undefined;
    const shards = await store.shards(signal);
    if (known) {
      for (const { shard } of shards) {
        if ((await store.checkpoint(group.name, shard, signal)) !== undefined) return undefined;
      }
    }
    return new Set(shards.map(({ shard }) => shard));
  }

  #beginning(shard: number): Beginning {
    const cursor = this.#remembered.get(shard);
    if (cursor !== undefined) return { cursor };
    const { position, group } = this.#settings;
    if (position !== "end") return position;
    // The group was deleted, and with it what others knew of this shard: what came since then, and a little before.
    if (this.#regroupedAt !== undefined) return Math.max(1, Math.floor(this.#regroupedAt / 1000) - group.timeout);
    return this.#firstShards?.has(shard) ? "end" : "begin";
  }

  *#working(): Iterable<number> {
    for (const [shard, { dropped }] of this.#consumers) if (!dropped) yield shard;
  }

  #assign(shards: ReadonlySet<number>): void {
    this.#assigned = shards;
    if (this.#stopped.signal.aborted) return;
    this.#regroupedOnce = false;
    for (const shard of shards) if (!this.#consumers.has(shard)) this.#begin(shard);
    for (const [shard, consumer] of this.#consumers) {
      if (!shards.has(shard) && !consumer.finishing) void consumer.finish(HAND_OVER_WAIT);
    }
    void this.#lookForClosedShards();
  }

  #begin(shard: number): void {
    const consumer = new ShardConsumer(shard, {
      settings: this.#settings,
      around: this.#around,
      budget: this.#budget,
      beginning: (of) => this.#beginning(of),
      confirm: () => this.#membership?.confirm(),
      lost: (of) => this.#lost(of),
      groupMissing: (error) => this.#regroup(error),
      expired: (of, seconds) => this.#expired(of, seconds),
    });
    this.#consumers.set(shard, consumer);
    void consumer.ended.then(() => this.#ended(consumer));
  }

  #ended({ shard, dropped }: ShardConsumer): void {
    this.#consumers.delete(shard);
    if (this.#stopped.signal.aborted) return;
    // Given back to us while we let go of it.
    if (this.#assigned.has(shard)) this.#begin(shard);
    else if (!dropped) this.#membership?.hurry();
  }

  /** Another consumer has it, or nobody: until a heartbeat says otherwise. */
  #lost(shard: number): void {
    this.#assigned = new Set([...this.#assigned].filter((other) => other !== shard));
  }

  #evicted(reason: string): void {
    if (this.#consumers.size > 0) this.#warn(new HeadraceError("FLUME_LOGHUB_EVICTED", { reason }));
    this.#dropAll();
  }

  #dropAll(): void {
    this.#assigned = new Set();
    for (const consumer of this.#consumers.values()) consumer.drop();
  }

  /** The group was deleted while we read: it is made anew, and what we had in hand goes on where it was. */
  #regroup(error: unknown): void {
    if (this.#regrouping || this.#stopped.signal.aborted) return;
    this.#regrouping = true;
    if (isHeadraceError(error)) this.#warn(error);
    const inARow = this.#regroupedOnce;
    this.#regroupedOnce = true;
    const remembered = new Map(inARow ? this.#remembered : []);
    for (const [shard, { position, dropped }] of this.#consumers) {
      if (position !== undefined && !dropped) remembered.set(shard, position);
    }
    this.#remembered = remembered;
    const { clock, wallTime } = this.#around;
    if (!inARow) this.#regroupedAt = wallTime() - (clock.now() - (this.#membership?.lastAlive ?? clock.now()));
    this.#dropAll();
    if (inARow) this.#troubles.begins(WHERE, error);
    const wait = inARow ? this.#settings.heartbeatInterval : 0;
    this.#joining = sleep(wait, this.#stopped.signal, this.#around.clock)
      .then(() => this.#join())
      .finally(() => (this.#regrouping = false));
  }

  #expired(shard: number, seconds: number | undefined): void {
    const now = this.#around.clock.now();
    this.#lastExpiry = now;
    if (now - (this.#warnedOf.get(shard) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY) return;
    this.#warnedOf.set(shard, now);
    const to = this.#settings.onInvalidCursor;
    this.#warn(new HeadraceError("FLUME_LOGHUB_POSITION_EXPIRED", { shard, to, seconds: seconds ?? "?" }));
  }

  /**
   * A shard that was split or merged counts as read, and those that came of it may begin, when its end is written
   * down after it was closed. Where that happened before, it has to be done once more.
   */
  async #lookForClosedShards(): Promise<void> {
    const { clock, store } = this.#around;
    const idle = [...this.#consumers.values()].filter(({ maybeOver }) => maybeOver);
    if (idle.length === 0 || clock.now() - this.#lastLook < this.#settings.heartbeatInterval) return;
    this.#lastLook = clock.now();
    try {
      const shards = await store.shards(this.#stopped.signal);
      const closed = new Set(shards.filter(({ writable }) => !writable).map(({ shard }) => shard));
      for (const consumer of idle) if (consumer.maybeOver && closed.has(consumer.shard)) consumer.seal();
    } catch {
      // It is asked again after the next heartbeat.
    }
  }

  #warn(error: HeadraceError): void {
    this.#around.log.warn(`${error.message} ${error.next} [${error.code}]`);
  }
}
