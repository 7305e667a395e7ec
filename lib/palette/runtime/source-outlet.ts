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
    const passage = await this.#enter(batch, signal);
    await passage.commit();
  }

  lane(): Lane {
    return new DeliveryLane((batch, signal) => this.#enter(batch, signal));
  }

  #enter(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    this.#counters.add("EventReceivedCount", batch.length);
    const accepted = () => this.#counters.add("EventAcceptedCount", batch.length);
    return new Passage(this.#wiring, this.#phase, batch, signal, { accepted, missed: this.#onMiss }).prepare();
  }
}

/**
 * One batch on its way out, through the deploys that come in between. It is one delivery for all attempts, which
 * remembers who has accepted: a target that a deploy replaces must not make the others get the batch twice.
 */
class Passage implements Prepared {
  readonly #wiring: PortWiring;
  readonly #phase: DeployPhase;
  readonly #batch: EventBatch;
  readonly #signal: AbortSignal;
  readonly #events: { accepted(): void; missed: OnMiss };
  #inlets: readonly Inlet[] = [];
  #deploys = 0;
  #delivery: Delivery | undefined;
  #prepared: Prepared | undefined;

  constructor(
    wiring: PortWiring,
    phase: DeployPhase,
    batch: EventBatch,
    signal: AbortSignal,
    events: { accepted(): void; missed: OnMiss },
  ) {
    this.#wiring = wiring;
    this.#phase = phase;
    this.#batch = batch;
    this.#signal = signal;
    this.#events = events;
  }

  async prepare(): Promise<this> {
    for (;;) {
      this.#inlets = await this.#wiring.inlets(this.#signal);
      this.#deploys = this.#phase.deploys;
      try {
        const routes = await expandRoutes(routesTo(this.#inlets, this.#batch));
        if (this.#delivery) this.#delivery.reroute(routes);
        else this.#delivery = new Delivery(routes, this.#events.missed);
        this.#prepared = await this.#delivery.prepare(this.#signal);
        return this;
      } catch (error) {
        await this.#afterReplacement(error);
      }
    }
  }

  async commit(): Promise<void> {
    for (;;) {
      try {
        await this.#prepared?.commit();
        break;
      } catch (error) {
        await this.#afterReplacement(error);
        await this.prepare();
      }
    }
    this.#events.accepted();
  }

  abort(): void {
    this.#prepared?.abort();
  }

  /**
   * A target that a deploy replaces refuses what comes late, and its successor takes it. A channel that became no
   * emptier because the sinks waited for a deploy is asked again too. Other errors are thrown on.
   */
  async #afterReplacement(error: unknown): Promise<void> {
    const code = isHeadraceError(error) ? error.code : undefined;
    const replaced = code === "FLUME_STOPPED";
    const full = code === "FLUME_CHANNEL_FULL" || code === "FLUME_CHANNEL_BYTES_FULL";
    const again = replaced || (full && this.#deploys !== this.#phase.deploys);
    if (!again || this.#phase.ending || this.#signal.aborted) throw error;
    await this.#phase.whenRunning(this.#signal);
    if (replaced && this.#wiring.current === this.#inlets) await sleep(REPLACEMENT_WAIT, this.#signal);
  }
}
