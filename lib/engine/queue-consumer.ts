import { Bag } from "./bag.js";
import type { EventBatch } from "./batch.js";
import type { Consumer, Limits, Take } from "./contracts.js";
import { leaseLost } from "./errors.js";
import { batchOfPieces, type Piece } from "./event-queue.js";
import { WakeUp } from "./wake-up.js";

/** What a consumer takes from: events that are there now, in order. */
export interface TakenFrom {
  readonly ready: boolean;
  /** The first events, at most `max`, but at least one. Called only when ready. */
  take(max: Limits): Piece[];
  giveBack(pieces: readonly Piece[]): void;
}

export interface ConsumerEvents {
  taken(events: number): void;
  /** The take is over when this resolves; a channel in memory answers at once. */
  committed(pieces: readonly Piece[], batch: EventBatch): void | Promise<void>;
  /** Events are back in the queue. */
  returned(): void;
  closed(): void;
}

/** A consumer of a channel that holds what may be taken in a queue: waits, leases, rollback by sequence. */
export class QueueConsumer implements Consumer {
  readonly #maxLeases: number;
  readonly #queue: TakenFrom;
  readonly #events: ConsumerEvents;
  readonly #open = new Bag<QueueTake>();
  readonly #more = new WakeUp();
  #closed = false;
  #why: Error | undefined;

  constructor(maxLeases: number, queue: TakenFrom, events: ConsumerEvents) {
    this.#maxLeases = maxLeases;
    this.#queue = queue;
    this.#events = events;
  }

  async take(max: Limits, signal: AbortSignal): Promise<Take | undefined> {
    while (!this.#closed && !signal.aborted) {
      if (this.#queue.ready && this.#open.size < this.#maxLeases) {
        const pieces = this.#queue.take(max);
        const take: QueueTake = new QueueTake(pieces, {
          commit: () => this.#events.committed(pieces, take.batch),
          rollback: () => {
            this.#queue.giveBack(pieces);
            this.#events.returned();
          },
          over: () => {
            this.#open.delete(take);
            this.wake();
          },
        });
        this.#open.add(take);
        this.#events.taken(take.batch.length);
        return take;
      }
      await this.#more.wait(signal);
    }
    if (this.#why) throw this.#why;
    return undefined;
  }

  /** There may be something to take. */
  wake(): void {
    this.#more.wake();
  }

  /** `why`: the channel has closed it, and whoever takes is to know. */
  async close(why?: Error): Promise<void> {
    this.#closed = true;
    this.#why = why;
    for (const take of this.#open.list()) take.lose();
    this.wake();
    this.#events.closed();
  }
}

interface TakeEnds {
  commit(): void | Promise<void>;
  rollback(): void;
  over(): void;
}

class QueueTake implements Take {
  readonly batch: EventBatch;
  readonly #ends: TakeEnds;
  #state: "open" | "ended" | "lost" = "open";
  #lost: AbortController | undefined;

  constructor(pieces: readonly Piece[], ends: TakeEnds) {
    this.batch = batchOfPieces(pieces);
    this.#ends = ends;
  }

  /** Made only when asked for: an AbortController a batch is dear. */
  get lost(): AbortSignal {
    this.#lost ??= new AbortController();
    if (this.#state === "lost") this.#lost.abort();
    return this.#lost.signal;
  }

  async commit(): Promise<void> {
    this.#end();
    try {
      const committed = this.#ends.commit();
      if (committed) await committed;
    } catch (error) {
      // The channel could not note it: the events are there still, for whoever takes next.
      this.#ends.rollback();
      throw error;
    } finally {
      this.#ends.over();
    }
  }

  async rollback(): Promise<void> {
    if (this.#state === "lost") return;
    this.#end();
    this.#ends.rollback();
    this.#ends.over();
  }

  /** Its consumer is closed. A commit that is under way goes on. */
  lose(): void {
    if (this.#state !== "open") return;
    this.#state = "lost";
    this.#ends.rollback();
    this.#ends.over();
    this.#lost?.abort();
  }

  #end(): void {
    if (this.#state === "lost") throw leaseLost();
    if (this.#state === "ended") throw new Error("This take has already been committed or rolled back.");
    this.#state = "ended";
  }
}
