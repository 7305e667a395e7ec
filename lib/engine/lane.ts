import type { EventBatch } from "./batch.js";
import type { Lane, Prepared } from "./contracts.js";
import { DeliveryError } from "./errors.js";

/** What a lane needs of each delivery: its admission told apart from its end. */
export type StartDelivery = (batch: EventBatch, signal: AbortSignal) => Promise<Prepared>;

/** Deliveries that are admitted one after the other and then run side by side. */
export class DeliveryLane implements Lane {
  readonly #prepare: StartDelivery;
  #admitted: Promise<unknown> = Promise.resolve();
  #stopped = false;
  /** Deliveries from before a reset must not stop the lane again. */
  #generation = 0;

  constructor(prepare: StartDelivery) {
    this.#prepare = prepare;
  }

  async deliver(batch: EventBatch, signal: AbortSignal): Promise<void> {
    const generation = this.#generation;
    const before = this.#admitted;
    const admission = (async () => {
      await before;
      this.#check(generation);
      return this.#prepare(batch, signal);
    })();
    // Those behind wait for this admission, however it ends.
    this.#admitted = admission.catch(() => undefined);
    try {
      const prepared = await admission;
      if (this.#stopped || generation !== this.#generation) {
        prepared.abort();
        this.#check(generation);
      }
      await prepared.commit();
    } catch (error) {
      if (generation === this.#generation) this.#stopped = true;
      throw error;
    }
  }

  reset(): void {
    this.#stopped = false;
    this.#generation++;
  }

  #check(generation: number): void {
    if (this.#stopped || generation !== this.#generation) throw new DeliveryError("FLUME_LANE_STOPPED");
  }
}
