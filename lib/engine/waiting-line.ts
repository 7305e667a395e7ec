import { unwatchAbort, watchAbort } from "./abort.js";
import { deliveryAborted, DeliveryError } from "./errors.js";

interface Waiter<T> {
  readonly accepts: (offered: T) => boolean;
  grant(granted: T): void;
  fail(error: Error): void;
}

/** Those who wait for something to become free, first come first served. */
export class WaitingLine<T> {
  readonly #waiters: Waiter<T>[] = [];
  #closed = false;

  get length(): number {
    return this.#waiters.length;
  }

  /** Waits for something that `accepts` likes; rejects when the signal aborts first, or the line is closed. */
  wait(signal: AbortSignal, accepts: (offered: T) => boolean = () => true): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new DeliveryError("FLUME_STOPPED");
      if (signal.aborted) throw deliveryAborted();
      const withdraw = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        waiter.fail(deliveryAborted());
      };
      const waiter: Waiter<T> = {
        accepts,
        grant(granted) {
          unwatchAbort(signal, withdraw);
          resolve(granted);
        },
        fail(error) {
          unwatchAbort(signal, withdraw);
          reject(error);
        },
      };
      watchAbort(signal, withdraw);
      this.#waiters.push(waiter);
    });
  }

  /** To the first who accepts it; false when nobody does. */
  offer(free: T): boolean {
    const index = this.#waiters.findIndex(({ accepts }) => accepts(free));
    if (index < 0) return false;
    const [waiter] = this.#waiters.splice(index, 1);
    waiter?.grant(free);
    return true;
  }

  /** To everyone who waits now and accepts it. */
  offerAll(free: T): void {
    for (let left = this.#waiters.length; left > 0; left--) if (!this.offer(free)) return;
  }

  /** Everyone who waits, and whoever comes later, is refused. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.fail(new DeliveryError("FLUME_STOPPED"));
  }

  get closed(): boolean {
    return this.#closed;
  }
}
