import { linearBackoff, sleep } from "../../../lib/engine/backoff.js";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Clock } from "../../../lib/engine/clock.js";
import type { Outlet } from "../../../lib/engine/contracts.js";
import type { Counters } from "../../../lib/engine/counters.js";
import { asDeliveryError } from "../../../lib/engine/errors.js";
import { nextLoopTurn, turnIsOver } from "../../../lib/engine/turn.js";
import type { Troubles } from "../../../lib/protocols/loghub/consumer/troubles.js";

export interface DeliverySettings {
  readonly batchSize: number;
  /** See `linearBackoff`. */
  readonly backoffSleepIncrement: number;
  readonly maxBackoffSleep: number;
}

/**
 * Hands events on in order, the same batch again and again until it is accepted. Deliveries of several shards may
 * be under way at once.
 */
export class EventDelivery {
  readonly #settings: DeliverySettings;
  readonly #out: Outlet;
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #troubles: Troubles;

  constructor(settings: DeliverySettings, out: Outlet, counters: Counters, clock: Clock, troubles: Troubles) {
    this.#settings = settings;
    this.#out = out;
    this.#counters = counters;
    this.#clock = clock;
    this.#troubles = troubles;
  }

  /**
   * True when all are accepted; false when the signal aborts before. `where` names the delivery in troubles; `confirm` may
   * abort the signal at the last moment. Never rejects.
   */
  async deliver(events: EventBatch, where: string, signal: AbortSignal, confirm: () => void): Promise<boolean> {
    let accepted = 0;
    // Beyond the outlet's limit of bytes a part is halved until it fits.
    let most = this.#settings.batchSize;
    let failures = 0;
    while (accepted < events.length && !signal.aborted) {
      while (turnIsOver()) await nextLoopTurn();
      confirm();
      if (signal.aborted) break;
      const size = Math.max(1, Math.min(most, this.#out.limits.events, events.length - accepted));
      const part = events.slice(accepted, accepted + size);
      try {
        await this.#out.deliver(part, signal);
        accepted += size;
        if (failures > 0) this.#troubles.ends(where);
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        const rejection = asDeliveryError(error);
        if (rejection.code === "FLUME_BATCH_TOO_LARGE" && size > 1) {
          most = Math.ceil(size / 2);
          continue;
        }
        this.#counters.add("ChannelWriteFail");
        this.#troubles.begins(where, rejection);
        const { backoffSleepIncrement, maxBackoffSleep } = this.#settings;
        await sleep(linearBackoff(backoffSleepIncrement, maxBackoffSleep, ++failures), signal, this.#clock);
      }
    }
    if (failures > 0) this.#troubles.ends(where);
    return accepted === events.length;
  }
}
