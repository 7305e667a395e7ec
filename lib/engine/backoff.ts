import { unwatchAbort, watchAbort } from "./abort.js";
import { type Clock, systemClock } from "./clock.js";

/** Waits that grow: `first`, doubled each time, at most `most` milliseconds; `reset()` after a success. */
export class Backoff {
  readonly #first: number;
  readonly #most: number;
  #next: number;

  constructor(first: number, most: number) {
    this.#first = first;
    this.#most = most;
    this.#next = first;
  }

  next(): number {
    const wait = this.#next;
    this.#next = Math.min(wait * 2, this.#most);
    return wait;
  }

  reset(): void {
    this.#next = this.#first;
  }
}

/** Flume's waits of a polled source: n × increment, at most `most`, n counting polls in a row that found nothing. */
export function linearBackoff(increment: number, most: number, failures: number): number {
  return Math.min(failures * increment, most);
}

/** Waits for `work`, but not longer than `milliseconds`; true when it ended in time. */
export async function within(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  const ended = new AbortController();
  const inTime = await Promise.race([work.then(() => true), sleep(milliseconds, ended.signal).then(() => false)]);
  ended.abort();
  return inTime;
}

/** Resolves after `milliseconds`, or at once when the signal aborts. Never rejects. */
export function sleep(
  milliseconds: number,
  signal?: AbortSignal,
  clock: Pick<Clock, "after"> = systemClock,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const end = () => {
      cancel();
      if (signal) unwatchAbort(signal, end);
      resolve();
    };
    const cancel = clock.after(milliseconds, end);
    if (signal) watchAbort(signal, end);
  });
}
