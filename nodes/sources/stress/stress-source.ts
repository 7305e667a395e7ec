import { linearBackoff, sleep } from "../../../lib/engine/backoff.js";
import { repeatedBatch } from "../../../lib/engine/batch.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import type { Outlet, Source } from "../../../lib/engine/contracts.js";
import { createEvent, type FlumeEvent } from "../../../lib/engine/event.js";
import { nextLoopTurn, turnIsOver } from "../../../lib/engine/turn.js";
import { Pacer } from "./pacer.js";
import { Quota } from "./quota.js";

export interface StressSettings {
  readonly size: number;
  readonly batchSize: number;
  readonly maxTotalEvents: number;
  readonly maxSuccessfulEvents: number;
  readonly maxEventsPerSecond: number;
  readonly maxInFlight: number;
  readonly backoffSleepIncrement: number;
  readonly maxBackoffSleep: number;
}

/** The body of Flume's stress events, `Byte.MAX_VALUE` throughout. */
const FILLER = 0x7f;

/**
 * Sends one and the same event as fast as it is taken, or at a set rate. Deliveries run side by side; a batch
 * that is not accepted is not kept: another one like it comes.
 */
export class StressSource implements Source {
  readonly #settings: StressSettings;
  readonly #context: ComponentContext;
  readonly #event: FlumeEvent;
  readonly #quota: Quota;
  readonly #pacer: Pacer | undefined;
  #stop: AbortController | undefined;
  #running: Promise<unknown> | undefined;

  constructor(settings: StressSettings, context: ComponentContext) {
    this.#settings = settings;
    this.#context = context;
    this.#event = createEvent(Buffer.alloc(settings.size, FILLER));
    this.#quota = new Quota(settings.maxTotalEvents, settings.maxSuccessfulEvents);
    this.#pacer = settings.maxEventsPerSecond > 0 ? new Pacer(settings.maxEventsPerSecond) : undefined;
  }

  async start(out: Outlet): Promise<void> {
    if (this.#running) return;
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const pumps = Array.from({ length: this.#settings.maxInFlight }, () => this.#pump(out, signal));
    this.#running = Promise.all(pumps);
  }

  async stop(): Promise<void> {
    this.#stop?.abort();
    await this.#running;
    this.#running = undefined;
  }

  /** One delivery after the other, until nothing is left to claim: what fails elsewhere is claimed again there. */
  async #pump(out: Outlet, signal: AbortSignal): Promise<void> {
    const { backoffSleepIncrement, maxBackoffSleep } = this.#settings;
    let failures = 0;
    while (!signal.aborted) {
      if (turnIsOver()) await nextLoopTurn();
      const length = this.#quota.claim(this.#batchLength(out));
      if (length === 0) return;
      if (this.#pacer) await this.#pacer.pass(length, signal);
      if (await this.#deliver(out, length, signal)) {
        if (failures > 0) this.#context.report();
        failures = 0;
      } else if (!signal.aborted) {
        await sleep(linearBackoff(backoffSleepIncrement, maxBackoffSleep, ++failures), signal);
      }
    }
  }

  #batchLength({ limits }: Outlet): number {
    const { batchSize, size } = this.#settings;
    return Math.max(1, Math.min(batchSize, limits.events, Math.floor(limits.bytes / Math.max(1, size))));
  }

  async #deliver(out: Outlet, length: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) {
      this.#quota.giveBack(length);
      return false;
    }
    try {
      await out.deliver(repeatedBatch(this.#event, length), signal);
      return true;
    } catch (error) {
      if (signal.aborted) {
        this.#quota.giveBack(length);
      } else {
        this.#quota.failed(length);
        this.#context.counters.add("ChannelWriteFail");
        this.#context.report(error);
      }
      return false;
    }
  }
}
