import type { Clock } from "../../../lib/engine/clock.js";
import type { SinkOrder, Turn } from "./ordered-inlet.js";

/** Milliseconds: Flume's unit of penalties. */
const PENALTY = 1000;

interface Failed {
  failures: number;
  until: number;
}

/**
 * Flume's failover: the live sink of the highest priority gets everything; one that fails is left alone for
 * 2 s, 4 s, 8 s …, at most `maxPenalty`, and is then tried first. Unlike Flume's, a sink that fails its trial
 * never keeps the batch from the live ones, and penalties do not overflow.
 */
export class FailoverOrder implements SinkOrder {
  readonly #byPriority: readonly number[];
  readonly #maxPenalty: number;
  readonly #clock: Clock;
  readonly #failed = new Map<number, Failed>();

  /** Priorities by port, `maxPenalty` in milliseconds. */
  constructor(priorities: readonly number[], maxPenalty: number, clock: Clock) {
    const ports = [...priorities.keys()];
    this.#byPriority = ports.sort((a, b) => (priorities[b] as number) - (priorities[a] as number));
    this.#maxPenalty = maxPenalty;
    this.#clock = clock;
  }

  turns(): readonly Turn[] {
    const now = this.#clock.now();
    const trials = [...this.#failed.entries()]
      .filter(([, { until }]) => until <= now)
      .sort(([, a], [, b]) => a.until - b.until)
      .map(([port]) => ({ port, trial: true }));
    const live = this.#byPriority.filter((port) => !this.#failed.has(port)).map((port) => ({ port, trial: false }));
    return [...trials, ...live];
  }

  wait(isWired: (port: number) => boolean): number {
    const now = this.#clock.now();
    const waits = this.#byPriority.filter(isWired).map((port) => (this.#failed.get(port)?.until ?? now) - now);
    return waits.length > 0 ? Math.min(...waits) : 0;
  }

  succeeded(port: number): void {
    this.#failed.delete(port);
  }

  failed(port: number): void {
    const failures = (this.#failed.get(port)?.failures ?? 0) + 1;
    this.#failed.set(port, {
      failures,
      until: this.#clock.now() + Math.min(this.#maxPenalty, PENALTY * 2 ** failures),
    });
  }
}
