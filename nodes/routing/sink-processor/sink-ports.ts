import type { EventBatch } from "../../../lib/engine/batch.js";
import type { PortInlets } from "../../../lib/engine/component.js";
import type { Inlet, Limits } from "../../../lib/engine/contracts.js";
import { commonLimits, Delivery, expandRoutes, routesTo } from "../../../lib/engine/delivery.js";
import { asDeliveryError, DeliveryError, type Outcome } from "../../../lib/engine/errors.js";
import type { Clock } from "../../../lib/engine/clock.js";

/** What one port has had of a batch so far. */
interface Attempt {
  readonly delivery: Delivery;
  inlets: readonly Inlet[];
}

/** A batch that was rejected, and how far it got at each port: several wires at one port may accept it one by one. */
export type Ledger = Map<number, Attempt>;

/** The sinks behind a processor: one output port each. */
export class SinkPorts {
  readonly #outputs: PortInlets;
  readonly #clock: Clock;
  /** Batches that will come again. Each belongs to one attempt at a time. */
  readonly #unfinished = new WeakMap<EventBatch, Ledger>();

  constructor(outputs: PortInlets, clock: Clock) {
    this.#outputs = outputs;
    this.#clock = clock;
  }

  /** Ports that something is wired to now. */
  get wired(): readonly number[] {
    const ports: number[] = [];
    for (let port = 0; port < this.#outputs.length; port++) if (this.isWired(port)) ports.push(port);
    return ports;
  }

  isWired(port: number): boolean {
    return this.#outputs.at(port).length > 0;
  }

  get limits(): Limits {
    return commonLimits(this.#inlets());
  }

  /** What the sink with the smallest batches takes: which one it will be is not known before. */
  get takeSize(): number {
    return Math.min(...this.#inlets().map((inlet) => inlet.takeSize));
  }

  /** What is known of a batch that comes again; to be given back by `keep` when it is rejected once more. */
  ledger(batch: EventBatch): Ledger {
    const ledger = this.#unfinished.get(batch);
    this.#unfinished.delete(batch);
    return ledger ?? new Map();
  }

  keep(batch: EventBatch, ledger: Ledger): void {
    this.#unfinished.set(batch, ledger);
  }

  /**
   * Delivers the batch by one port. A sink that does not take it within `patience` milliseconds, because it has
   * not started or is busy for others, has failed; from then on the delivery runs to its end.
   * Rejects with DeliveryError.
   */
  async deliver(port: number, batch: EventBatch, ledger: Ledger, patience: number): Promise<void> {
    const giveUp = new AbortController();
    const cancel = this.#clock.after(patience, () => giveUp.abort());
    try {
      const delivery = await this.#delivery(port, batch, ledger);
      const prepared = await delivery.prepare(giveUp.signal);
      cancel();
      await prepared.commit();
    } catch (error) {
      throw giveUp.signal.aborted ? notTaken(patience, error) : asDeliveryError(error);
    } finally {
      cancel();
    }
  }

  async #delivery(port: number, batch: EventBatch, ledger: Ledger): Promise<Delivery> {
    const inlets = this.#outputs.at(port);
    const before = ledger.get(port);
    if (before && before.inlets === inlets) return before.delivery;
    const routes = await expandRoutes(routesTo(inlets, batch));
    if (before) {
      before.delivery.reroute(routes);
      before.inlets = inlets;
      return before.delivery;
    }
    const delivery = new Delivery(routes);
    ledger.set(port, { delivery, inlets });
    return delivery;
  }

  #inlets(): readonly Inlet[] {
    return this.wired.flatMap((port) => this.#outputs.at(port));
  }
}

function notTaken(patience: number, error: unknown): DeliveryError {
  const { outcome } = asDeliveryError(error);
  return new DeliveryError("FLUME_SINK_NOT_READY", { outcome, parameters: { milliseconds: patience }, cause: error });
}

/**
 * Whether it is the batch that is at fault and not the sink: events that can never be written, or too many of
 * them. Such a sink is not down, and another one must not be a way round its refusal.
 */
export function isOfBatch(error: DeliveryError): boolean {
  return error.refused !== undefined || error.retry === "never";
}

/** Whether a deploy is about to replace the sink: no fault of it. */
export function isStopped(error: DeliveryError): boolean {
  return error.code === "FLUME_STOPPED";
}

const OUTCOMES: readonly Outcome[] = ["none", "partial", "unknown"];

/** One error for all sinks that were tried in vain. */
export function allFailed(errors: readonly DeliveryError[]): DeliveryError {
  const last = errors.at(-1);
  const outcome = OUTCOMES[Math.max(0, ...errors.map((error) => OUTCOMES.indexOf(error.outcome)))] ?? "unknown";
  // With this code the caller waits for the successors instead of telling of a fault.
  if (last && errors.every(isStopped)) return new DeliveryError("FLUME_STOPPED", { outcome, cause: last });
  const reason = last?.message.replace(/\.$/, "") ?? "every sink waits for its penalty to end";
  return new DeliveryError("FLUME_ALL_SINKS_FAILED", { outcome, parameters: { reason }, cause: last });
}
