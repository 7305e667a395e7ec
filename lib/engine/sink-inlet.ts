import type { EventBatch } from "./batch.js";
import type { Inlet, Limits, Prepared, Sink } from "./contracts.js";
import type { Counters } from "./counters.js";
import { NEVER, partOf } from "./delivery.js";
import { asDeliveryError, DeliveryError, type HeadraceError } from "./errors.js";
import type { Refused, RefusalExit } from "./refusal.js";
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
      const { refused, failed } = rejection;
      if (!refused || !this.#refusal) throw rejection;
      if (failed) this.#counters.add("EventDrainSuccessCount", length - failed.size);
      try {
        await this.#refusal.deliver(batch, refused, NEVER);
      } catch (reason) {
        if (!failed) throw reason;
        const blocked = asDeliveryError(reason);
        throw withFailed(blocked, failed, blocked.refused);
      }
      const rest: number[] = [];
      for (let i = 0; i < length; i++) if (!refused.has(i) && (!failed || failed.has(i))) rest.push(i);
      if (rest.length > 0) await this.#writeRest(batch, rest);
      return;
    }
    this.#counters.add("EventDrainSuccessCount", length);
  }

  /** The refused ones have left, and others may be kept: where the rest cannot be written, it comes again alone. */
  async #writeRest(batch: EventBatch, rest: readonly number[]): Promise<void> {
    try {
      await this.#write(partOf(batch, rest));
    } catch (error) {
      const rejection = asDeliveryError(error);
      const owed = new Map<number, HeadraceError>();
      for (const [place, index] of rest.entries()) {
        const own = rejection.failed ? rejection.failed.get(place) : rejection;
        if (own) owed.set(index, own);
      }
      throw withFailed(rejection, owed);
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

/** Of the batch only these are still the caller's. */
function withFailed(rejection: DeliveryError, failed: Refused, refused?: Refused): DeliveryError {
  const { code, parameters, outcome, retry } = rejection;
  return new DeliveryError(code, { outcome, retry, parameters, failed, ...(refused && { refused }), cause: rejection });
}
