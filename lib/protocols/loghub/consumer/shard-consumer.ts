import { sleep } from "../../../engine/backoff.js";
import { isHeadraceError } from "../../../engine/errors.js";
import type { Cursor } from "../port.js";
import { EventGathering } from "./event-gathering.js";
import type { PullBudget } from "./pull-budget.js";
import { RetryPlan } from "./retry-plan.js";
import { ShardCheckpoint } from "./shard-checkpoint.js";
import { type Fetched, ShardPuller } from "./shard-puller.js";
import { type ConsumerSettings, type ConsumerSurroundings, memberOf } from "./surroundings.js";

/** In milliseconds. */
const AFTER_FAULT = 5_000;

/** What a shard's consumer is given by the group's. */
export interface ShardCare {
  readonly settings: ConsumerSettings;
  readonly around: ConsumerSurroundings;
  readonly budget: PullBudget;
  /** Where to begin in a shard that has no checkpoint. */
  beginning(shard: number): Beginning;
  /** Drops the shards that others have by now, though nobody has said so yet. */
  readonly confirm: () => void;
  /** The service says that another consumer has the shard, or that it is gone. */
  lost(shard: number): void;
  groupMissing(error: unknown): void;
  expired(shard: number, skippedSeconds: number | undefined): void;
}

/** What is being fetched while what came before is handed on. */
interface Fetching {
  ahead: Promise<Fetched | undefined>;
}

export type Beginning = "begin" | "end" | number | { readonly cursor: Cursor };

/**
 * One shard, from the moment it is ours until it is not: reads from the checkpoint on, hands its replies on one
 * after the other, and writes down how far they are delivered. While one is delivered the next one is fetched.
 */
export class ShardConsumer {
  readonly shard: number;
  /** Resolves when nothing of it is left: nothing under way, and the checkpoint written unless the shard was lost. */
  readonly ended: Promise<void>;
  readonly #care: ShardCare;
  readonly #delivering: string;
  readonly #saving: string;
  /** Aborted: what is in hand is the last. */
  readonly #finishing = new AbortController();
  /** Aborted: what is not accepted yet is taken back. */
  readonly #withdrawn = new AbortController();
  /** The shard is not ours: nothing is written down any more. */
  #dropped = false;
  #checkpoint: ShardCheckpoint | undefined;
  #behindSince: number | undefined;
  #idle = false;
  #sealed = false;

  constructor(shard: number, care: ShardCare) {
    this.shard = shard;
    this.#care = care;
    this.#delivering = `delivery of shard ${shard}`;
    this.#saving = `checkpoint of shard ${shard}`;
    this.ended = this.#run().catch((error: unknown) => this.#broke(error));
  }

  /** How far it is delivered; undefined before it is known. */
  get position(): Cursor | undefined {
    return this.#checkpoint?.position;
  }

  /** When what is delivered next was received, in seconds since 1970; undefined when there is nothing to deliver. */
  get behindSince(): number | undefined {
    return this.#behindSince;
  }

  get dropped(): boolean {
    return this.#dropped;
  }

  get finishing(): boolean {
    return this.#finishing.signal.aborted;
  }

  /** Everything is delivered and nothing new was there, in a shard that may yet be known to be closed. */
  get maybeOver(): boolean {
    return this.#idle && !this.#sealed;
  }

  /**
   * Nothing is added to the shard any more. Log Service marks it as read when its end is written down after that, so
   * it is written down again.
   */
  seal(): void {
    this.#sealed = true;
    this.#checkpoint?.forget();
  }

  /** Ends with what is in hand, if that is accepted within these milliseconds, and with the checkpoint behind it. */
  async finish(within: number): Promise<void> {
    this.#finishing.abort();
    const waited = new AbortController();
    await Promise.race([this.ended, sleep(within, waited.signal, this.#care.around.clock)]);
    waited.abort();
    this.#withdrawn.abort();
    await this.ended;
  }

  /** The shard is somebody else's: nothing more is handed on, and nothing is written down. */
  drop(): void {
    this.#dropped = true;
    this.#checkpoint?.close();
    this.#withdrawn.abort();
    this.#finishing.abort();
  }

  async #run(): Promise<void> {
    const { settings, around, budget } = this.#care;
    const checkpoint = await this.#begin();
    if (!checkpoint) return;
    const puller = new ShardPuller(this.shard, checkpoint.position, settings, around, budget, {
      gone: () => this.#lose(),
      expired: (seconds) => this.#care.expired(this.shard, seconds),
    });
    await this.#readOn(puller, this.#gathering(checkpoint));
    if (!this.#dropped) await checkpoint.flush();
    checkpoint.close();
    around.troubles.ends(this.#saving);
  }

  /** Until it is finishing and has nothing in hand any more, or something was taken back. While it delivers it fetches ahead. */
  async #readOn(puller: ShardPuller, gathering: EventGathering): Promise<void> {
    const { signal } = this.#finishing;
    const fetching: Fetching = { ahead: puller.next(signal) };
    try {
      while (await this.#handOn(fetching, puller, gathering));
    } finally {
      this.#finishing.abort();
      gathering.discard();
      // Read again by whoever comes next.
      (await fetching.ahead)?.release();
    }
  }

  /**
   * One reply. A call of its own for each: a function that waits keeps what its variables held last, and a shard that
   * has nothing new would keep the 10 MB of its last reply.
   */
  async #handOn(fetching: Fetching, puller: ShardPuller, gathering: EventGathering): Promise<boolean> {
    const { signal } = this.#finishing;
    const reply = await this.#within(gathering.due, fetching.ahead);
    if (!reply) return (await gathering.flush()) && !signal.aborted;
    fetching.ahead = puller.next(signal);
    if (reply.groups.length > 0) this.#behindSince ??= reply.receivedAt;
    return await gathering.add(reply);
  }

  /** A fault of ours: it is told, and the shard begins again at its checkpoint after a while. */
  async #broke(error: unknown): Promise<void> {
    const { troubles, clock } = this.#care.around;
    this.#checkpoint?.close();
    troubles.begins(this.#delivering, error);
    await sleep(AFTER_FAULT, this.#withdrawn.signal, clock);
    troubles.ends(this.#delivering);
  }

  /** What comes within the time, or at all when there is none. */
  async #within<T>(milliseconds: number | undefined, coming: Promise<T>): Promise<T | undefined> {
    if (milliseconds === undefined) return await coming;
    const waited = new AbortController();
    const over = sleep(milliseconds, waited.signal, this.#care.around.clock).then(() => undefined);
    const inTime = await Promise.race([coming, over]);
    waited.abort();
    return inTime;
  }

  #gathering(checkpoint: ShardCheckpoint): EventGathering {
    const { settings, around } = this.#care;
    return new EventGathering(settings, around.clock, {
      events: (groups) => around.events(groups),
      deliver: (events) => around.deliver(events, this.#delivering, this.#withdrawn.signal, this.#care.confirm),
      delivered: ({ groups, next, atEnd, receivedAt }) => {
        this.#idle = atEnd && groups.length === 0;
        this.#behindSince = atEnd ? undefined : receivedAt;
        checkpoint.moved(next);
      },
    });
  }

  /** Finds out where to begin; undefined when the shard is taken away before. */
  async #begin(): Promise<ShardCheckpoint | undefined> {
    const { around } = this.#care;
    const { troubles } = around;
    const { signal } = this.#withdrawn;
    const retry = new RetryPlan();
    while (!signal.aborted) {
      try {
        const checkpoint = await this.#findCheckpoint(signal);
        troubles.ends(this.#saving);
        return checkpoint;
      } catch (error) {
        if (signal.aborted || this.#isOver(error)) break;
        const { wait, tell } = retry.failed(error);
        if (tell) troubles.begins(this.#saving, error);
        if (this.#finishing.signal.aborted) break;
        await sleep(wait, this.#finishing.signal, around.clock);
      }
    }
    troubles.ends(this.#saving);
    return undefined;
  }

  async #findCheckpoint(signal: AbortSignal): Promise<ShardCheckpoint> {
    const { around, settings } = this.#care;
    const { store, clock } = around;
    const member = memberOf(settings);
    const saved = await store.checkpoint(member.group, this.shard, signal);
    const beginning = this.#care.beginning(this.shard);
    let position = saved;
    if (position === undefined && typeof beginning === "object") position = beginning.cursor;
    position ??= await store.cursor(this.shard, beginning as "begin" | "end" | number, signal);
    const checkpoint = new ShardCheckpoint(
      {
        interval: settings.checkpointInterval,
        clock,
        save: (cursor, given) => store.saveCheckpoint(member, this.shard, cursor, given),
        settled: (error) => this.#settled(error),
      },
      position,
      saved,
    );
    this.#checkpoint = checkpoint;
    // A place that would be another one tomorrow is written down at once: whoever comes next must not miss anything.
    if (saved === undefined && beginning !== "begin") await checkpoint.flush();
    return checkpoint;
  }

  #settled(error?: unknown): void {
    const { counters, troubles } = this.#care.around;
    if (error === undefined) {
      counters.add("LogHubCheckpointCount");
      troubles.ends(this.#saving);
    } else if (!this.#isOver(error)) troubles.begins(this.#saving, error);
  }

  /** Whether an error says that the shard is not ours any more; then what is to be done about it is done. */
  #isOver(error: unknown): boolean {
    switch (isHeadraceError(error) ? error.code : "") {
      case "FLUME_LOGHUB_SHARD_LOST":
        this.#lose();
        return true;
      case "FLUME_LOGHUB_GROUP_MISSING":
        this.#care.groupMissing(error);
        return true;
      default:
        return false;
    }
  }

  #lose(): void {
    if (this.#dropped) return;
    this.drop();
    this.#care.lost(this.shard);
  }
}
