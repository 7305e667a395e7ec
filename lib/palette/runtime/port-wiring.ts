import type { Wiring } from "../../engine/channel-runner.js";
import type { Inlet } from "../../engine/contracts.js";
import { WaitingLine } from "../../engine/waiting-line.js";
import type { DeployPhase } from "./deploy-phase.js";

/** What one output port leads to, as of the last deploy. */
export class PortWiring implements Wiring {
  readonly #phase: DeployPhase;
  readonly #waiting = new WaitingLine<readonly Inlet[]>();
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

  /** Flows run, and wires may have changed: whoever waits goes on if there is something behind this port now. */
  wake(): void {
    if (this.#usable) this.#waiting.offerAll(this.#inlets);
  }

  inlets(signal: AbortSignal): Promise<readonly Inlet[]> | readonly Inlet[] {
    return this.#usable ? this.#inlets : this.#waiting.wait(signal);
  }

  get #usable(): boolean {
    return this.#inlets.length > 0 && (this.#phase.running || this.#phase.draining);
  }
}
