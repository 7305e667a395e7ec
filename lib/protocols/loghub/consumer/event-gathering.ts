import { type EventBatch, joinBatches } from "../../../engine/batch.js";
import type { Clock } from "../../../engine/clock.js";
import { nextLoopTurn, turnIsOver } from "../../../engine/turn.js";
import type { Fetched } from "./shard-puller.js";

export interface GatheringSettings {
  /** Enough events. */
  readonly batchSize: number;
  /** How long the first one may wait for more, in milliseconds. */
  readonly batchDuration: number;
}

export interface GatheringSteps {
  /** The events of a reply, in parts of at most as many as are wanted; made as they are asked for. */
  events(groups: Buffer): Iterable<EventBatch>;
  /** False when it was taken back. */
  deliver(events: EventBatch): Promise<boolean>;
  /** Every event of the reply is accepted, and of all before it. */
  delivered(reply: Fetched): void;
}

/**
 * Hands on the replies of one shard, strictly in order. What a reply has less than a batch waits a little for the
 * next one, if one follows.
 */
export class EventGathering {
  readonly #settings: GatheringSettings;
  readonly #clock: Clock;
  readonly #steps: GatheringSteps;
  #waiting: EventBatch[] = [];
  #events = 0;
  #since = 0;
  /** Replies whose last events are still waiting. */
  #replies: Fetched[] = [];

  constructor(settings: GatheringSettings, clock: Clock, steps: GatheringSteps) {
    this.#settings = settings;
    this.#clock = clock;
    this.#steps = steps;
  }

  /** Milliseconds until `flush` is due; undefined when nothing waits. */
  get due(): number | undefined {
    if (this.#events === 0) return undefined;
    return Math.max(0, this.#since + this.#settings.batchDuration - this.#clock.now());
  }

  /** False when a delivery was taken back: then this reply is not delivered, or not all of it. Rejects where `events` throws. */
  async add(reply: Fetched): Promise<boolean> {
    const earlier = this.#replies;
    this.#replies = [...earlier, reply];
    const parts = this.#steps.events(reply.groups)[Symbol.iterator]();
    for (let part = parts.next(); !part.done; ) {
      while (turnIsOver()) await nextLoopTurn();
      const { value } = part;
      part = parts.next();
      this.#wait(value);
      // The last part is all that may wait.
      const enough = this.#events >= this.#settings.batchSize || !part.done;
      if (!enough) continue;
      if (!(await this.#hand())) return false;
      this.#settle(earlier.splice(0));
      this.#replies = [reply];
    }
    return !reply.atEnd && this.#events > 0 ? true : await this.flush();
  }

  /** Hands on what waits; then it is accepted, and the replies it came from are delivered. */
  async flush(): Promise<boolean> {
    if (!(await this.#hand())) return false;
    this.#settle(this.#replies.splice(0));
    return true;
  }

  /** What has not been handed on is left to whoever reads the shard next. */
  discard(): void {
    this.#events = 0;
    this.#waiting = [];
    for (const reply of this.#replies.splice(0)) reply.release();
  }

  #wait(part: EventBatch): void {
    if (this.#events === 0) this.#since = this.#clock.now();
    this.#waiting.push(part);
    this.#events += part.length;
  }

  async #hand(): Promise<boolean> {
    if (this.#events > 0 && !(await this.#steps.deliver(joinBatches(this.#waiting)))) return false;
    this.#waiting = [];
    this.#events = 0;
    return true;
  }

  #settle(replies: readonly Fetched[]): void {
    for (const reply of replies) {
      this.#steps.delivered(reply);
      reply.release();
    }
  }
}
