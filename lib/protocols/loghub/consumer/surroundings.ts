import type { EventBatch } from "../../../engine/batch.js";
import type { Clock } from "../../../engine/clock.js";
import type { Logger } from "../../../engine/component.js";
import type { Counters } from "../../../engine/counters.js";
import type { ConsumerGroupInfo, LogStore, Member, PullRequest } from "../port.js";
import type { Troubles } from "./troubles.js";

/** Times in milliseconds. */
export interface ConsumerSettings {
  readonly group: ConsumerGroupInfo;
  /** Stable across restarts, and no other's: so a restart has its shards at once. */
  readonly consumer: string;
  /** Where to begin in a shard without a checkpoint; a number: with what was received since then, in seconds since 1970. */
  readonly position: "begin" | "end" | number;
  readonly heartbeatInterval: number;
  readonly checkpointInterval: number;
  /** Most LogGroups of one pull. */
  readonly fetchCount: number;
  /** Between two pulls of a shard while little comes. */
  readonly fetchInterval: number;
  readonly filter: PullRequest["filter"];
  /** The longest wait of a shard with nothing new, and by how much waits grow up to it. */
  readonly idleMost: number;
  readonly idleIncrement: number;
  /** Events are handed on once there are as many, or their first one has waited that long, or nothing follows. */
  readonly batchSize: number;
  readonly batchDuration: number;
  /** What the replies of all shards may take together, in bytes. */
  readonly memory: number;
  readonly onInvalidCursor: "begin" | "end" | "stop";
}

/** Where what is read goes to, and where all is told that a person should know. */
export interface ConsumerSurroundings {
  readonly store: LogStore;
  /** Steady: how long things take must not depend on somebody setting the time of day. */
  readonly clock: Clock;
  /** The time of day, in milliseconds since 1970. */
  wallTime(): number;
  readonly counters: Counters;
  readonly log: Logger;
  readonly troubles: Troubles;
  /** The events of a LogGroupList without damage, in parts of at most `batchSize`; each part is made when it is asked for. */
  events(groups: Buffer): Iterable<EventBatch>;
  /**
   * Resolves with true when all are accepted, after as many attempts as it takes; with false once the signal aborts.
   * `confirm` is to be called before anything is handed on: it aborts the signal where the shard is not ours any more.
   */
  deliver(events: EventBatch, where: string, signal: AbortSignal, confirm: () => void): Promise<boolean>;
}

export function memberOf({ group, consumer }: ConsumerSettings): Member {
  return { group: group.name, consumer };
}
