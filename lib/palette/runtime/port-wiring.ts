import { unwatchAbort, watchAbort } from "../../engine/abort.js";
import type { Wiring } from "../../engine/channel-runner.js";
import type { Inlet } from "../../engine/contracts.js";
import { deliveryAborted } from "../../engine/errors.js";
import type { DeployPhase } from "./deploy-phase.js";

/** What one output port leads to, as of the last deploy. */
export class PortWiring implements Wiring {
  readonly #phase: DeployPhase;
  readonly #waiting = new Set<() => void>();
  #inlets: readonly Inlet[] = [];
  #wired = false;

  constructor(phase: DeployPhase) {
    this.#phase = phase;
  }

  get current(): readonly Inlet[] {
    return this.#inlets;
  }

  /** Something runs behind this port, even if it is only starting and takes nothing yet. */
  get wired(): boolean {
    return this.#wired;
  }

  /** Keeps the old list where nothing changed: deliveries under way then need no new route. */
  set(inlets: readonly Inlet[], wired: boolean): void {
    this.#wired = wired;
    const same = inlets.length === this.#inlets.length && inlets.every((inlet, i) => inlet === this.#inlets[i]);
    if (!same) this.#inlets = inlets;
  }

  /** Whoever waits looks again: flows run, and wires may have changed. */
  wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  inlets(signal: AbortSignal): Promise<readonly Inlet[]> | readonly Inlet[] {
    return this.#usable ? this.#inlets : this.#whenUsable(signal);
  }

  get #usable(): boolean {
    return this.#inlets.length > 0 && (this.#phase.running || this.#phase.draining);
  }

  #whenUsable(signal: AbortSignal): Promise<readonly Inlet[]> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#waiting.delete(look);
        unwatchAbort(signal, withdraw);
      };
      const look = () => {
        if (!this.#usable) return;
        settle();
        resolve(this.#inlets);
      };
      const withdraw = () => {
        settle();
        reject(deliveryAborted());
      };
      if (signal.aborted) {
        reject(deliveryAborted());
        return;
      }
      watchAbort(signal, withdraw);
      this.#waiting.add(look);
    });
  }
}
