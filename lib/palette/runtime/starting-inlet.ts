import { unwatchAbort, watchAbort } from "../../engine/abort.js";
import type { EventBatch } from "../../engine/batch.js";
import type { Channel, Inlet, Limits, Prepared } from "../../engine/contracts.js";
import { DeliveryError, deliveryAborted } from "../../engine/errors.js";
import type { SupervisedStart } from "./supervised-start.js";

/**
 * Stands for a channel that is still opening what it stores in. Whoever delivers waits: to go on with the other
 * targets of a wire would leave this one without the events.
 */
export class StartingInlet implements Inlet {
  readonly #channel: Channel;
  readonly #supervised: SupervisedStart;

  constructor(channel: Channel, supervised: SupervisedStart) {
    this.#channel = channel;
    this.#supervised = supervised;
  }

  get id(): string {
    return this.#channel.id;
  }

  get limits(): Limits {
    return this.#channel.limits;
  }

  get takeSize(): number {
    return this.#channel.takeSize;
  }

  get maxInFlight(): number {
    return this.#channel.maxInFlight;
  }

  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    if (!this.#supervised.started) await this.#settled(signal);
    if (!this.#supervised.started) throw new DeliveryError("FLUME_STOPPED");
    return this.#channel.prepare(batch, signal);
  }

  #settled(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const withdraw = () => reject(deliveryAborted());
      if (signal.aborted) return withdraw();
      watchAbort(signal, withdraw);
      void this.#supervised.settled.then(() => {
        unwatchAbort(signal, withdraw);
        resolve();
      });
    });
  }
}
