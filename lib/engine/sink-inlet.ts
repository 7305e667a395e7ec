import type { EventBatch } from "./batch.js";
import type { Inlet, Limits, Prepared, Sink } from "./contracts.js";
import type { Counters } from "./counters.js";
import { NEVER } from "./delivery.js";
import { asDeliveryError, DeliveryError, type HeadraceError } from "./errors.js";
import { type Refused, type RefusalExit, withoutRefused } from "./refusal.js";
import { WaitingLine } from "./waiting-line.js";

const NO_LIMITS: Limits = { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/**
 * A sink as something that a batch can enter. Prepare waits for one of the sink's write slots, first come
 * first served, and while the sink is not started; commit writes.
 */
export class SinkInlet implements Inlet {
  readonly id: string;
  readonly limits = NO_LIMITS;
  readonly #sink: Sink;
  readonly #counters: Counters;
  readonly #refusal: RefusalExit | undefined;
  readonly #line = new WaitingLine<void>();
  #free: number;
  #open = false;
  #closed = false;
  #failing = false;
  #writing = 0;
  #idle: Promise<void> | undefined;
  #becameIdle: (() => void) | undefined;

  constructor(id: string, sink: Sink, counters: Counters, refusal?: RefusalExit) {
    this.id = id;
    this.#sink = sink;
    this.#counters = counters;
    this.#refusal = refusal;
    this.#free = sink.maxInFlight;
  }

  get takeSize(): number {
    return this.#sink.batchSize;
  }

  get maxInFlight(): number {
    return this.#sink.maxInFlight;
  }

  /** Whether the write that ended last was in vain. */
  get failing(): boolean {
    return this.#failing;
  }

  /** Lets batches in: the sink has started. */
  open(): void {
    this.#open = true;
    this.#grant();
  }

  /** Refuses whoever waits or comes later; resolves when the writes under way have ended. */
  async close(): Promise<void> {
    this.#open = false;
    this.#closed = true;
    this.#line.close();
    if (this.#writing === 0) return;
    this.#idle ??= new Promise<void>((resolve) => (this.#becameIdle = resolve));
    await this.#idle;
  }

  prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    if (this.#open && this.#free > 0 && this.#line.length === 0) {
      this.#free--;
      return Promise.resolve(this.#prepared(batch));
    }
    return this.#line.wait(signal).then(() => this.#prepared(batch));
  }

  #prepared(batch: EventBatch): Prepared {
    let ended = false;
    return {
      commit: async () => {
        if (ended) throw new Error("This batch has already been committed or aborted.");
        ended = true;
        try {
          // It may have waited for other inlets of a fan-out while this sink was stopped.
          if (this.#closed) throw new DeliveryError("FLUME_STOPPED");
          await this.#writeCounted(batch);
        } finally {
          this.#release();
        }
      },
      abort: () => {
        if (ended) return;
        ended = true;
        this.#release();
      },
    };
  }

  async #writeCounted(batch: EventBatch): Promise<void> {
    this.#writing++;
    try {
      await this.#write(batch);
      this.#failing = false;
    } catch (error) {
      this.#failing = true;
      throw error;
    } finally {
      this.#writing--;
      if (this.#writing === 0) this.#becameIdle?.();
    }
  }

  async #write(batch: EventBatch): Promise<void> {
    const { length } = batch;
    this.#counters.add("EventDrainAttemptCount", length);
    this.#counters.add(length >= this.#sink.batchSize ? "BatchCompleteCount" : "BatchUnderflowCount");
    try {
      await this.#sink.write(batch, NEVER);
    } catch (error) {
      this.#counters.add("EventWriteFail");
      const rejection = asDeliveryError(error);
      if (!rejection.refused || !this.#refusal) throw rejection;
      await this.#refusal.deliver(batch, rejection.refused, NEVER);
      await this.#writeRest(batch, rejection.refused);
      return;
    }
    this.#counters.add("EventDrainSuccessCount", length);
  }

  /** The refused ones have left: where the rest cannot be written, it comes again alone. */
  async #writeRest(batch: EventBatch, refused: Refused): Promise<void> {
    const rest = withoutRefused(batch, refused);
    if (rest.length === 0) return;
    try {
      await this.#write(rest);
    } catch (error) {
      const rejection = asDeliveryError(error);
      const { code, parameters, outcome, retry, failed } = rejection;
      const owed = new Map<number, HeadraceError>();
      let place = 0;
      for (let i = 0; i < batch.length; i++) {
        if (refused.has(i)) continue;
        const own = failed ? failed.get(place) : rejection;
        if (own) owed.set(i, own);
        place++;
      }
      throw new DeliveryError(code, { outcome, retry, parameters, failed: owed, cause: error });
    }
  }

  #release(): void {
    this.#free++;
    this.#grant();
  }

  #grant(): void {
    while (this.#open && this.#free > 0 && this.#line.offer()) this.#free--;
  }
}
