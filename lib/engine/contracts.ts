import type { EventBatch } from "./batch.js";

/** The most that one batch may hold. `Infinity` where there is no limit. */
export interface Limits {
  readonly events: number;
  readonly bytes: number;
}

/**
 * Anything that a batch can enter. Two steps, so that several inlets accept a batch together or
 * not at all.
 */
export interface Inlet {
  /** Stable while the flow keeps the node, across deploys. Inlets are prepared in the order of their ids. */
  readonly id: string;
  readonly limits: Limits;
  /** The most that it can hold in all, where there is such a limit: nothing beyond will ever find room at once. */
  readonly room?: Limits;
  /** How many events one take for this inlet should hold: a sink's batchSize. `Infinity` where it does not care. */
  readonly takeSize: number;
  /** Batches that this inlet can have under way at once. */
  readonly maxInFlight: number;
  /**
   * Reserves room, in call order, first in first out: a later batch never overtakes a waiting one.
   * An inlet that can admit at once does so before the first await.
   * Waits while there is no room (a channel: up to its keep-alive, then rejects with ChannelFull).
   * Rejects with BatchTooLarge beyond `limits`. `signal` withdraws only what is not yet admitted.
   */
  prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared>;
  /** Takes nothing any more before the flows are started again: no channel need wait to be emptied into it. */
  readonly closed?: boolean;
  /**
   * Only inlets that pass events on (interceptors, selectors): where the batch goes from here, without
   * keeping any of it. A delivery then prepares the inlets at the ends, in one order for the whole flow.
   */
  route?(batch: EventBatch): readonly Route[] | Promise<readonly Route[]>;
}

export interface Route {
  readonly inlet: Inlet;
  readonly batch: EventBatch;
  /** Tried once, without waiting; what it misses is counted and holds nobody up. */
  readonly optional: boolean;
}

/** Exactly one of the two is called, once. */
export interface Prepared {
  /**
   * Resolves when the inlet has taken responsibility for every event. On rejection the caller still owns the batch,
   * or the part of it that the error names as `failed`.
   */
  commit(): Promise<void>;
  abort(): void;
}

/** What a source is given. */
export interface Outlet {
  /** Of what is wired to it now; may change with a deploy. */
  readonly limits: Limits;
  /** prepare, then commit, on everything that is wired. Waits through a deploy, and while nothing is wired. */
  deliver(batch: EventBatch, signal: AbortSignal): Promise<void>;
  lane(): Lane;
}

/**
 * Several deliveries under way, admitted in call order. After one is rejected, those behind it that
 * are not yet admitted reject too (FLUME_LANE_STOPPED), until `reset()`.
 */
export interface Lane {
  deliver(batch: EventBatch, signal: AbortSignal): Promise<void>;
  reset(): void;
}

/** Brings events from outside. */
export interface Source {
  /** Resolves once it listens or runs; rejects when it cannot, and is then tried again later. */
  start(out: Outlet): Promise<void>;
  /** Stops reading, lets deliveries under way settle, frees what it holds. Safe to call in any state. */
  stop(): Promise<void>;
  /** Of what it shares with other agents, what is its own: shown in the status beside the rate. Undefined while it does not run. */
  readonly share?: SourceShare | undefined;
}

/** What a member of a group reads now. */
export interface SourceShare {
  /** Shards that it holds. */
  readonly held: number;
  /** How long ago the oldest was received of what it still has to deliver, in seconds; 0: it has caught up. */
  readonly lag: number;
  /** Not long ago a part had to be passed over, because it was no longer kept. */
  readonly expired: boolean;
}

/** Takes events out. */
export interface Sink {
  readonly batchSize: number;
  /** Calls of `write` under way at once; they begin in channel order. */
  readonly maxInFlight: number;
  start(): Promise<void>;
  /**
   * Resolves when every event is as safe as this sink promises. Rejects with DeliveryError; events that can never be
   * written are named in `refused`, and then nothing of the batch was kept, or all that `failed` does not name.
   */
  write(batch: EventBatch, signal: AbortSignal): Promise<void>;
  /** Flushes and closes. Safe to call in any state. */
  stop(): Promise<void>;
}

/** Holds events between sources and sinks. Ordered by admission. */
export interface Channel extends Inlet {
  /** Opens what it stores in. Not taken from before. */
  start(): Promise<void>;
  /** Throws while the channel is not open. */
  connect(consumer: { id: string; maxLeases: number }): Consumer;
  /** Events held, taken but uncommitted ones included. */
  readonly size?: number;
  readonly capacity?: number;
  /** Of `size`, what ends with the process; without it, what the declaration's durability says of all. */
  readonly volatileSize?: number;
  /** Closes storage; a channel in memory keeps its events: it may be started again. */
  stop(): Promise<void>;
  /** Only channels in memory: it is stopped for good, and gives back what its events take of what others share. */
  discard?(): void;
}

export interface Consumer {
  /** Waits for events; undefined once closed or aborted. Rejects when the channel has closed it: connect again. */
  take(max: Limits, signal: AbortSignal): Promise<Take | undefined>;
  /** Rolls every open take back; a later commit of one rejects with LeaseLost. */
  close(): Promise<void>;
}

export interface Take {
  readonly batch: EventBatch;
  /** Aborted when the take is lost to its holder. */
  readonly lost: AbortSignal;
  commit(): Promise<void>;
  /** Puts the events back where they were, by sequence. */
  rollback(): Promise<void>;
}
