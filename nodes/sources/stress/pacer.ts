import { sleep } from "../../../lib/engine/backoff.js";

/** How far behind schedule may be caught up, in milliseconds: timers are late, but after a stall no burst follows. */
const SLACK = 20;

/** Lets events through at an even rate. Several callers may wait at once; each has its own moment. */
export class Pacer {
  readonly #perEvent: number;
  #next = 0;

  constructor(eventsPerSecond: number) {
    this.#perEvent = 1000 / eventsPerSecond;
  }

  /** Resolves when `events` may go; waits less than a timer can measure are made up for by the next one. */
  async pass(events: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const moment = Math.max(this.#next, now - SLACK);
    this.#next = moment + events * this.#perEvent;
    if (moment - now >= 1) await sleep(moment - now, signal);
  }
}
