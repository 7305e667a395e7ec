import { sleep, within } from "../../../engine/backoff.js";
import { HeadraceError } from "../../../engine/errors.js";
import type { ConsumerSettings, Polled, Trouble } from "../port.js";
import { FetchedBuffer, type Piece } from "./fetched-buffer.js";
import { type Generation, generationIsOver, type GroupMembership, type PartitionOffset } from "./group-membership.js";
import type { KafkaJsCluster } from "./library.js";
import { PartitionFetcher } from "./partition-fetcher.js";
import { type PartitionState, readFrom } from "./partition-state.js";
import { asKafkaJsError, isPassing, translateError } from "./translate-error.js";

const RETRY = 250;

export interface SessionEvents {
  readonly trouble: Trouble;
  /** Records came in, or the session is over. */
  changed(): void;
  /** Begins where the group has no offset. */
  resetOffset(topic: string, partition: number): Promise<number>;
}

/** What a member reads in one generation of its group: from one rebalance to the next. */
export class GroupSession {
  readonly #membership: GroupMembership;
  readonly #generation: Generation;
  readonly #settings: ConsumerSettings;
  readonly #events: SessionEvents;
  readonly #partitions: readonly PartitionState[];
  readonly #buffer = new FetchedBuffer();
  readonly #fetcher: PartitionFetcher;
  readonly #lost = new AbortController();
  /** Over, or about to be: nothing more is fetched or handed out. */
  readonly #ending = new AbortController();
  /** Handed out, and neither done nor given back. */
  #out = 0;
  #commit: Promise<void> | undefined;
  #nextCommit: Promise<void> | undefined;
  #settled: (() => void) | undefined;

  constructor(
    cluster: KafkaJsCluster,
    membership: GroupMembership,
    generation: Generation,
    settings: ConsumerSettings,
    positions: readonly PartitionOffset[],
    events: SessionEvents,
  ) {
    this.#membership = membership;
    this.#generation = generation;
    this.#settings = settings;
    this.#events = events;
    this.#partitions = positions.map(readFrom);
    this.#fetcher = new PartitionFetcher(cluster, settings, this.#partitions, this.#buffer, this.#ending.signal, {
      ...events,
      topicGone: () => this.end(),
    });
  }

  get partitions(): number {
    return this.#partitions.length;
  }

  get lag(): number {
    return this.#partitions.reduce((sum, { highWatermark, next }) => sum + Math.max(0, highWatermark - next), 0);
  }

  /** Runs until the generation is over or the signal aborts; rejects when the coordinator is out of reach for too long. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.end();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    this.#fetcher.fetch();
    try {
      await this.#beat();
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  }

  /** Another generation is wanted: whoever gathers records stops now. */
  end(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#events.changed();
  }

  /** Whether more records may be delivered together with those: they are of this session, and it goes on. */
  goesOnAfter({ lost }: Polled): boolean {
    return lost === this.#lost.signal && !this.#ending.signal.aborted;
  }

  /**
   * Waits up to `wait` milliseconds for what was handed out, commits it, and lets go of the rest. The member must
   * go on telling that it lives meanwhile.
   */
  async settle(wait: number): Promise<void> {
    this.end();
    this.#buffer.clear();
    const beating = new AbortController();
    void this.#keepAlive(beating.signal);
    try {
      if (!this.#lost.signal.aborted && this.#out > 0) {
        await within(wait, new Promise<void>((resolve) => (this.#settled = resolve)));
      }
      await within(
        Math.max(1_000, wait),
        this.#commitDue().catch(() => undefined),
      );
    } finally {
      beating.abort();
      this.lose();
    }
  }

  /** Others read these partitions now. */
  lose(): void {
    this.#ending.abort();
    this.#lost.abort();
    this.#events.changed();
  }

  /** The next records, or undefined when there are none now. */
  take(max: { events: number; bytes: number }): Polled | undefined {
    if (this.#ending.signal.aborted) return undefined;
    const pieces: Piece[] = [];
    let { events, bytes } = max;
    while (events > 0) {
      const piece = this.#buffer.next(events, bytes, pieces.length === 0);
      if (!piece) break;
      pieces.push(piece);
      events -= piece.records.length;
      bytes -= piece.records.valueBytes;
      if (bytes <= 0) break;
    }
    if (pieces.length === 0) return undefined;
    this.#out++;
    this.#fetcher.fetch();
    return {
      pieces: pieces.map(({ state: { topic, partition }, records }) => ({ topic, partition, records })),
      events: max.events - events,
      lost: this.#lost.signal,
      done: () => this.#done(pieces),
      giveBack: () => this.#giveBack(pieces),
    };
  }

  async #done(pieces: readonly Piece[]): Promise<void> {
    if (this.#lost.signal.aborted) throw revoked();
    for (const { state, handed } of pieces) state.offsets.done(handed);
    this.#in();
    await this.#commitDue();
  }

  #giveBack(pieces: readonly Piece[]): void {
    if (this.#lost.signal.aborted) return;
    // At the end they stay undone: whoever reads the partition next begins with them.
    if (!this.#ending.signal.aborted) this.#buffer.giveBack(pieces);
    this.#in();
    this.#events.changed();
  }

  #in(): void {
    if (--this.#out === 0) this.#settled?.();
  }

  /** Commits what can be; calls during a commit share the next one. */
  #commitDue(): Promise<void> {
    if (!this.#commit) {
      this.#commit = this.#commitNow().finally(() => (this.#commit = undefined));
      return this.#commit;
    }
    this.#nextCommit ??= this.#commit
      .catch(() => undefined)
      .then(() => {
        this.#nextCommit = undefined;
        return this.#commitDue();
      });
    return this.#nextCommit;
  }

  async #commitNow(): Promise<void> {
    for (;;) {
      if (this.#lost.signal.aborted) throw revoked();
      const due = this.#partitions.flatMap(({ topic, partition, offsets }) =>
        offsets.due === undefined ? [] : [{ topic, partition, offset: offsets.due, offsets }],
      );
      if (due.length === 0) return;
      try {
        await this.#membership.commit(this.#generation, due);
        for (const { offsets, offset } of due) offsets.committed(offset);
        return;
      } catch (error) {
        if (generationIsOver(error)) {
          this.lose();
          throw revoked();
        }
        const translated = translateError(error, this.#settings.connection, this.#settings.groupId);
        this.#events.trouble(translated);
        if (!isPassing(error)) throw translated;
      }
      await sleep(RETRY, this.#lost.signal);
    }
  }

  /** Heartbeats until the end; ends the session when the group goes on without it. */
  async #beat(): Promise<void> {
    const { heartbeatInterval, sessionTimeout } = this.#settings;
    const { signal } = this.#ending;
    let last = Date.now();
    let failed = false;
    for (;;) {
      await sleep(failed ? Math.min(RETRY, heartbeatInterval) : heartbeatInterval, signal);
      if (signal.aborted) return;
      try {
        await this.#membership.heartbeat(this.#generation);
        last = Date.now();
        if (failed) this.#events.trouble();
        failed = false;
      } catch (error) {
        if (asKafkaJsError(error).type === "REBALANCE_IN_PROGRESS") return;
        if (generationIsOver(error) || !isPassing(error) || Date.now() - last > sessionTimeout) {
          // By now the coordinator has given the partitions to others.
          this.lose();
          if (generationIsOver(error)) return;
          throw error;
        }
        failed = true;
        this.#events.trouble(translateError(error, this.#settings.connection, this.#settings.groupId));
      }
    }
  }

  async #keepAlive(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#settings.heartbeatInterval, signal);
      if (signal.aborted) return;
      // During a rebalance each answer says so, and still counts.
      await this.#membership.heartbeat(this.#generation).catch(() => undefined);
    }
  }
}

function revoked(): HeadraceError {
  return new HeadraceError("FLUME_KAFKA_REVOKED");
}
