import type { EventBatch } from "../../lib/engine/batch.js";
import type { Lane, Limits, Outlet } from "../../lib/engine/contracts.js";
import { deliveryAborted } from "../../lib/engine/errors.js";
import { DeliveryLane } from "../../lib/engine/lane.js";

const NO_LIMITS: Limits = { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** Takes what a source delivers, when and how the test says. */
export class TestOutlet implements Outlet {
  limits = NO_LIMITS;
  /** Accepted, in order of acceptance. */
  readonly accepted: EventBatch[] = [];
  /** Every attempt, accepted or not. */
  readonly tried: EventBatch[] = [];
  /** Deliveries not settled yet. */
  underWay = 0;
  mostUnderWay = 0;
  /** Rejects the next deliveries with these, in order; undefined accepts. */
  readonly rejections: (Error | undefined)[] = [];
  /** While it is there, deliveries wait for it to be admitted, or until they are withdrawn. */
  admission: Promise<unknown> | undefined;
  /** Deliveries not admitted yet. */
  waiting = 0;
  /** While it is there, deliveries wait for it before they are accepted or rejected. */
  gate: Promise<unknown> | undefined;

  async deliver(batch: EventBatch, signal: AbortSignal): Promise<void> {
    await this.#admit(batch, signal);
  }

  lane(): Lane {
    return new DeliveryLane(async (batch, signal) => ({
      commit: () => this.#admit(batch, signal),
      abort: () => undefined,
    }));
  }

  /** Bodies of the accepted events, as text. */
  get bodies(): string[] {
    return this.accepted.flatMap((batch) => [...batch].map((event) => event.body.toString()));
  }

  get events(): number {
    return this.accepted.reduce((sum, batch) => sum + batch.length, 0);
  }

  async #untilAdmitted(admission: Promise<unknown>, signal: AbortSignal): Promise<void> {
    this.waiting++;
    const withdrawn = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    if (!signal.aborted) await Promise.race([admission, withdrawn]);
    this.waiting--;
  }

  async #admit(batch: EventBatch, signal: AbortSignal): Promise<void> {
    if (this.admission) await this.#untilAdmitted(this.admission, signal);
    if (signal.aborted) throw deliveryAborted();
    this.tried.push(batch);
    this.underWay++;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    try {
      if (this.gate) await this.gate;
      const rejection = this.rejections.shift();
      if (rejection) throw rejection;
      this.accepted.push(batch);
    } finally {
      this.underWay--;
    }
  }
}
