import type { EventBatch } from "../../../lib/engine/batch.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import type { Inlet, Limits, Prepared } from "../../../lib/engine/contracts.js";
import type { Counters } from "../../../lib/engine/counters.js";
import type { Clock } from "../../../lib/engine/clock.js";
import { asDeliveryError, DeliveryError } from "../../../lib/engine/errors.js";
import { allFailed, isOfBatch, isStopped, type Ledger, type SinkPorts } from "./sink-ports.js";
import { WaitingLine } from "../../../lib/engine/waiting-line.js";

/** One sink to try. `trial`: it has failed before. */
export interface Turn {
  readonly port: number;
  readonly trial: boolean;
}

/** Which sinks a batch is offered to, and in which order. */
export interface SinkOrder {
  turns(isWired: (port: number) => boolean): readonly Turn[];
  /** Milliseconds until there is a turn for one of the wired sinks: 0 when there is one now. */
  wait(isWired: (port: number) => boolean): number;
  succeeded(port: number): void;
  failed(port: number): void;
}

/** Milliseconds that a sink has to take a batch, while it starts or works for others. */
const PATIENCE = 1000;
/** The same for one that has failed before: the live ones behind it shall not wait long. */
const TRIAL_PATIENCE = 100;
/** Milliseconds after which a batch that waits looks again in any case: a deploy may have wired another sink. */
const LOOK_AGAIN = 1000;

/** Failover and load balancing: one batch at a time, offered to one sink after the other until one has written it. */
export class OrderedInlet implements Inlet {
  readonly id: string;
  readonly maxInFlight = 1;
  readonly #counters: Counters;
  readonly #ports: SinkPorts;
  readonly #order: SinkOrder;
  readonly #clock: Clock;
  readonly #line = new WaitingLine<void>();
  /** The one batch whose turn it is, while every sink rests. */
  readonly #resting = new WaitingLine<void>();
  #busy = false;

  constructor(context: ComponentContext, ports: SinkPorts, order: SinkOrder, clock: Clock) {
    this.id = context.id;
    this.#counters = context.counters;
    this.#ports = ports;
    this.#order = order;
    this.#clock = clock;
  }

  get limits(): Limits {
    return this.#ports.limits;
  }

  get takeSize(): number {
    return this.#ports.takeSize;
  }

  /**
   * Reserves the turn of this processor only, and waits while every sink has failed and rests. A sink is asked for room while committing: two fan-outs that
   * prepared sinks here could wait for each other, because the order of their ids is not the one of the sinks.
   */
  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    if (this.#line.closed) throw new DeliveryError("FLUME_STOPPED");
    if (this.#busy) await this.#line.wait(signal);
    this.#busy = true;
    try {
      await this.#untilRested(signal);
    } catch (error) {
      this.#release();
      throw error;
    }
    return {
      commit: async () => {
        try {
          await this.#write(batch);
        } finally {
          this.#release();
        }
      },
      abort: () => this.#release(),
    };
  }

  stop(): void {
    this.#line.close();
    this.#resting.close();
  }

  async #untilRested(signal: AbortSignal): Promise<void> {
    const isWired = (port: number) => this.#ports.isWired(port);
    for (let wait = this.#order.wait(isWired); wait > 0; wait = this.#order.wait(isWired)) {
      const cancel = this.#clock.after(Math.min(wait, LOOK_AGAIN), () => this.#resting.offer());
      try {
        await this.#resting.wait(signal);
      } finally {
        cancel();
      }
    }
  }

  async #write(batch: EventBatch): Promise<void> {
    const ledger = this.#ports.ledger(batch);
    try {
      await this.#offer(batch, ledger);
    } catch (error) {
      this.#ports.keep(batch, ledger);
      throw error;
    }
    this.#counters.add("EventReceivedCount", batch.length);
  }

  /** @throws DeliveryError when no sink took it. */
  async #offer(batch: EventBatch, ledger: Ledger): Promise<void> {
    const isWired = (port: number) => this.#ports.isWired(port);
    const errors: DeliveryError[] = [];
    if (this.#ports.wired.length === 0) throw new DeliveryError("FLUME_NO_TARGET");
    for (const { port, trial } of this.#order.turns(isWired)) {
      if (!isWired(port)) continue;
      try {
        await this.#ports.deliver(port, batch, ledger, trial ? TRIAL_PATIENCE : PATIENCE);
        this.#order.succeeded(port);
        return;
      } catch (error) {
        const rejection = asDeliveryError(error);
        if (isOfBatch(rejection)) throw rejection;
        if (!isStopped(rejection)) this.#order.failed(port);
        errors.push(rejection);
      }
    }
    throw allFailed(errors);
  }

  #release(): void {
    if (!this.#line.offer()) this.#busy = false;
  }
}
