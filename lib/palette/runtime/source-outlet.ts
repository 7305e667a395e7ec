import { sleep } from "../../engine/backoff.js";
import type { EventBatch } from "../../engine/batch.js";
import type { Inlet, Lane, Limits, Outlet, Prepared } from "../../engine/contracts.js";
import type { Counters } from "../../engine/counters.js";
import { commonLimits, Delivery, expandRoutes, type OnMiss, routesTo } from "../../engine/delivery.js";
import { isHeadraceError } from "../../engine/errors.js";
import { DeliveryLane } from "../../engine/lane.js";
import type { DeployPhase } from "./deploy-phase.js";
import type { PortWiring } from "./port-wiring.js";

/** How long to wait for the successor of a target that stopped, before looking again; in milliseconds. */
const REPLACEMENT_WAIT = 50;

/** What a source delivers to: its output port, through every deploy. */
export class SourceOutlet implements Outlet {
  readonly #wiring: PortWiring;
  readonly #phase: DeployPhase;
  readonly #counters: Counters;
  readonly #onMiss: OnMiss;
  #limitsOf: readonly Inlet[] | undefined;
  #limits: Limits = { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

  constructor(wiring: PortWiring, phase: DeployPhase, counters: Counters, onMiss: OnMiss) {
    this.#wiring = wiring;
    this.#phase = phase;
    this.#counters = counters;
    this.#onMiss = onMiss;
  }

  get limits(): Limits {
    const { current } = this.#wiring;
    if (current !== this.#limitsOf) {
      this.#limitsOf = current;
      this.#limits = commonLimits(current);
    }
    return this.#limits;
  }

  async deliver(batch: EventBatch, signal: AbortSignal): Promise<void> {
    this.#counters.add("EventReceivedCount", batch.length);
    const prepared = await this.#prepare(batch, signal);
    await this.#commit(batch, prepared, signal);
  }

  lane(): Lane {
    return new DeliveryLane(async (batch, signal) => {
      this.#counters.add("EventReceivedCount", batch.length);
      const prepared = await this.#prepare(batch, signal);
      return { commit: () => this.#commit(batch, prepared, signal), abort: () => prepared.abort() };
    });
  }

  async #prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    for (;;) {
      const inlets = await this.#wiring.inlets(signal);
      try {
        const delivery = new Delivery(await expandRoutes(routesTo(inlets, batch)), this.#onMiss);
        return await delivery.prepare(signal);
      } catch (error) {
        await this.#afterReplacement(error, inlets, signal);
      }
    }
  }

  async #commit(batch: EventBatch, prepared: Prepared, signal: AbortSignal): Promise<void> {
    try {
      await prepared.commit();
    } catch (error) {
      await this.#afterReplacement(error, this.#wiring.current, signal);
      const again = await this.#prepare(batch, signal);
      await again.commit();
    }
    this.#counters.add("EventAcceptedCount", batch.length);
  }

  /** A target that a deploy replaces refuses what comes late, and its successor takes it. Other errors are thrown on. */
  async #afterReplacement(error: unknown, tried: readonly Inlet[], signal: AbortSignal): Promise<void> {
    const replaced = isHeadraceError(error) && error.code === "FLUME_STOPPED" && !this.#phase.ending;
    if (!replaced || signal.aborted) throw error;
    await this.#phase.whenRunning(signal);
    if (this.#wiring.current === tried) await sleep(REPLACEMENT_WAIT, signal);
  }
}
