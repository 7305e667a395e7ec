import { unwatchAbort, watchAbort } from "../../../engine/abort.js";
import { deliveryAborted } from "../../../engine/errors.js";

interface Waiter {
  readonly events: number;
  admit(): void;
  fail(error: Error): void;
}

/** How many events may be under way on one path at once. First come, first served: a small batch waits behind a large one. */
export class PathRoom {
  readonly #most: number;
  readonly #waiters: Waiter[] = [];
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Room for a batch, or for as much of it as may be under way at once. @returns how much, to be released */
  take(events: number, signal: AbortSignal): number | Promise<number> {
    const wanted = Math.min(events, this.#most);
    if (this.#waiters.length === 0 && this.#fits(wanted)) {
      this.#taken += wanted;
      return wanted;
    }
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(deliveryAborted());
        return;
      }
      const withdraw = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        waiter.fail(deliveryAborted());
        this.#admit();
      };
      const waiter: Waiter = {
        events: wanted,
        admit: () => {
          unwatchAbort(signal, withdraw);
          resolve(wanted);
        },
        fail: (error) => {
          unwatchAbort(signal, withdraw);
          reject(error);
        },
      };
      watchAbort(signal, withdraw);
      this.#waiters.push(waiter);
    });
  }

  release(events: number): void {
    this.#taken -= events;
    this.#admit();
  }

  /** Those who wait shall look where the path leads now. */
  refuseWaiting(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.fail(error);
  }

  #fits(events: number): boolean {
    return this.#taken === 0 || this.#taken + events <= this.#most;
  }

  #admit(): void {
    for (let first = this.#waiters[0]; first && this.#fits(first.events); first = this.#waiters[0]) {
      this.#waiters.shift();
      this.#taken += first.events;
      first.admit();
    }
  }
}
