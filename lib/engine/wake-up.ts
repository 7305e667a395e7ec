import { unwatchAbort, watchAbort } from "./abort.js";

/** One waiter that another wakes. Whoever waits looks anew before waiting again: a wake with nobody waiting is gone. */
export class WakeUp {
  #waiting: (() => void) | undefined;

  wake(): void {
    this.#waiting?.();
  }

  /** Resolves at the next `wake`, or when the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting = undefined;
        unwatchAbort(signal, wake);
        resolve();
      };
      this.#waiting = wake;
      watchAbort(signal, wake);
    });
  }
}
