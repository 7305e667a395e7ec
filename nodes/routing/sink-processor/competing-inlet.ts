import type { EventBatch } from "../../../lib/engine/batch.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import type { Inlet, Limits, Prepared } from "../../../lib/engine/contracts.js";
import type { Counters } from "../../../lib/engine/counters.js";
import { NEVER } from "../../../lib/engine/delivery.js";
import { asDeliveryError, DeliveryError } from "../../../lib/engine/errors.js";
import type { Clock } from "../../../lib/engine/clock.js";
import { IdleSinks } from "./idle-sinks.js";
import { allFailed, isOfBatch, isStopped, type Ledger, type SinkPorts } from "./sink-ports.js";
import { WaitingLine } from "../../../lib/engine/waiting-line.js";

/** Milliseconds that a sink has to take a batch, while it starts or works for others. */
const PATIENCE = 1000;
/** Milliseconds after which those who wait look again in any case: a deploy may have wired another sink. */
const LOOK_AGAIN = 1000;

/**
 * What Flume's several sinks on one channel do: each takes a batch when it is idle, one at a time. A sink that
 * fails rests for 5 s, as Flume's sink runner does, and its batch goes to another one.
 */
export class CompetingInlet implements Inlet {
  readonly id: string;
  readonly #counters: Counters;
  readonly #ports: SinkPorts;
  readonly #clock: Clock;
  readonly #idle: IdleSinks;
  readonly #line = new WaitingLine<number>();
  #cancelWake: (() => void) | undefined;

  constructor(context: ComponentContext, ports: SinkPorts, clock: Clock) {
    this.id = context.id;
    this.#counters = context.counters;
    this.#ports = ports;
    this.#clock = clock;
    this.#idle = new IdleSinks(ports, clock);
  }

  get limits(): Limits {
    return this.#ports.limits;
  }

  get takeSize(): number {
    return this.#ports.takeSize;
  }

  get maxInFlight(): number {
    return Math.max(1, this.#ports.wired.length);
  }

  /** Reserves an idle sink; waits while all are busy or rest. */
  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    if (this.#line.closed) throw new DeliveryError("FLUME_STOPPED");
    if (this.#ports.wired.length === 0) throw new DeliveryError("FLUME_NO_TARGET");
    // Those who came before have their turn first, where they can use it.
    this.#serve();
    const mine = this.#idle.take() ?? (await this.#wait(signal));
    return { commit: () => this.#write(batch, mine), abort: () => this.#release(mine) };
  }

  stop(): void {
    this.#cancelWake?.();
    this.#line.close();
  }

  async #write(batch: EventBatch, first: number): Promise<void> {
    const ledger = this.#ports.ledger(batch);
    try {
      await this.#offer(batch, first, ledger);
    } catch (error) {
      this.#ports.keep(batch, ledger);
      throw error;
    }
    this.#counters.add("EventReceivedCount", batch.length);
  }

  async #offer(batch: EventBatch, first: number, ledger: Ledger): Promise<void> {
    const errors: DeliveryError[] = [];
    const tried = new Set<number>();
    for (let port: number | undefined = first; port !== undefined; port = await this.#another(tried)) {
      tried.add(port);
      try {
        await this.#ports.deliver(port, batch, ledger, PATIENCE);
        return;
      } catch (error) {
        const rejection = asDeliveryError(error);
        if (isOfBatch(rejection)) throw rejection;
        if (!isStopped(rejection)) this.#idle.rest(port);
        errors.push(rejection);
      } finally {
        this.#release(port);
      }
    }
    throw allFailed(errors);
  }

  /** A sink that has not been tried and does not rest, if need be once it is idle. */
  async #another(tried: ReadonlySet<number>): Promise<number | undefined> {
    const untried = (port: number) => !tried.has(port);
    const port = this.#idle.take(untried);
    if (port !== undefined || !this.#idle.mayBecome(untried)) return port;
    try {
      return await this.#line.wait(NEVER, untried);
    } catch {
      return undefined;
    }
  }

  #wait(signal: AbortSignal): Promise<number> {
    const waiting = this.#line.wait(signal);
    this.#wakeAfterRest();
    return waiting;
  }

  #release(port: number): void {
    this.#idle.release(port);
    this.#serve();
  }

  #serve(): void {
    // Each idle sink is offered once: those in front may have tried it already.
    for (const port of this.#idle.ready()) if (this.#line.offer(port)) this.#idle.claim(port);
    this.#wakeAfterRest();
  }

  #wakeAfterRest(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    if (this.#line.length === 0) return;
    this.#cancelWake = this.#clock.after(this.#idle.nextRestEnd() ?? LOOK_AGAIN, () => this.#serve());
  }
}
