import { linearBackoff, sleep } from "../../../lib/engine/backoff.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import type { Outlet, Source } from "../../../lib/engine/contracts.js";
import { asDeliveryError } from "../../../lib/engine/errors.js";
import { nextLoopTurn, turnIsOver } from "../../../lib/engine/turn.js";
import { counterBatch } from "./counter-batch.js";

export interface SeqSettings {
  readonly batchSize: number;
  /** 0: no end. */
  readonly totalEvents: number;
  readonly backoffSleepIncrement: number;
  readonly maxBackoffSleep: number;
}

/** Counts: 0, 1, 2 …, each number in an event of its own. A number is passed only when it has been accepted. */
export class SeqSource implements Source {
  readonly #settings: SeqSettings;
  readonly #context: ComponentContext;
  readonly #end: number;
  #next = 0;
  /** At most this many in a batch: halved when the channel finds it too large. */
  #most: number;
  #stop: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(settings: SeqSettings, context: ComponentContext) {
    this.#settings = settings;
    this.#context = context;
    this.#end = settings.totalEvents > 0 ? settings.totalEvents : Number.MAX_SAFE_INTEGER;
    this.#most = settings.batchSize;
  }

  async start(out: Outlet): Promise<void> {
    if (this.#running) return;
    this.#stop = new AbortController();
    this.#most = this.#settings.batchSize;
    this.#running = this.#run(out, this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop?.abort();
    await this.#running;
    this.#running = undefined;
  }

  async #run(out: Outlet, signal: AbortSignal): Promise<void> {
    const { backoffSleepIncrement, maxBackoffSleep } = this.#settings;
    let failures = 0;
    while (!signal.aborted && this.#next < this.#end) {
      if (turnIsOver()) await nextLoopTurn();
      if (await this.#deliverNext(out, signal)) {
        if (failures > 0) this.#context.report();
        failures = 0;
      } else if (!signal.aborted) {
        await sleep(linearBackoff(backoffSleepIncrement, maxBackoffSleep, ++failures), signal);
      }
    }
  }

  /** False when the numbers were not accepted: they are the next ones again. */
  async #deliverNext(out: Outlet, signal: AbortSignal): Promise<boolean> {
    const length = Math.max(1, Math.min(this.#most, out.limits.events, this.#end - this.#next));
    try {
      await out.deliver(counterBatch(this.#next, length), signal);
      this.#next += length;
      return true;
    } catch (error) {
      if (!signal.aborted) this.#rejected(error, length);
      return false;
    }
  }

  #rejected(error: unknown, length: number): void {
    const rejection = asDeliveryError(error);
    if (rejection.code === "FLUME_BATCH_TOO_LARGE") this.#most = Math.ceil(length / 2);
    this.#context.counters.add("ChannelWriteFail");
    this.#context.report(rejection);
  }
}
