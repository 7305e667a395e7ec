import type { Clock } from "../../../lib/engine/clock.js";
import type { SinkOrder, Turn } from "./ordered-inlet.js";

/** Failures that follow each other within this many milliseconds after a back-off has ended belong together. */
const SEQUENCE = 3_600_000;
/** Failures in a row that make a back-off longer. */
const MOST_FAILURES = 16;

interface History {
  failures: number;
  lastFailure: number;
  until: number;
}

export interface LoadBalanceSettings {
  readonly selector: "round_robin" | "random";
  readonly backoff: boolean;
  /** Milliseconds. */
  readonly maxTimeOut: number;
  readonly sinks: readonly unknown[];
}

/** Flume's load balancing: each batch goes to the next sink in turn, or to any; when it fails there, to the others. */
export class LoadBalanceOrder implements SinkOrder {
  readonly #settings: LoadBalanceSettings;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #history = new Map<number, History>();
  #next = 0;

  /** `random` gives a number from 0 to below 1. */
  constructor(settings: LoadBalanceSettings, clock: Clock, random: () => number = Math.random) {
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
  }

  turns(isWired: (port: number) => boolean): readonly Turn[] {
    const now = this.#clock.now();
    const ports = [...this.#settings.sinks.keys()].filter(
      (port) => isWired(port) && (this.#history.get(port)?.until ?? 0) <= now,
    );
    const order = this.#settings.selector === "random" ? this.#shuffled(ports) : this.#rotated(ports);
    return order.map((port) => ({ port, trial: false }));
  }

  wait(isWired: (port: number) => boolean): number {
    const now = this.#clock.now();
    const ports = [...this.#settings.sinks.keys()].filter(isWired);
    const waits = ports.map((port) => (this.#history.get(port)?.until ?? now) - now);
    return waits.length > 0 ? Math.min(...waits) : 0;
  }

  succeeded(): void {
    // Failures are forgotten by time alone, as in Flume.
  }

  failed(port: number): void {
    if (!this.#settings.backoff) return;
    const now = this.#clock.now();
    const before = this.#history.get(port);
    const together = before && now - before.lastFailure < this.#wait(before.failures) + SEQUENCE;
    const failures = together ? Math.min(before.failures + 1, MOST_FAILURES) : 1;
    this.#history.set(port, { failures, lastFailure: now, until: now + this.#wait(failures) });
  }

  #wait(failures: number): number {
    return Math.min(this.#settings.maxTimeOut, 1000 * 2 ** failures);
  }

  #rotated(ports: readonly number[]): readonly number[] {
    const first = this.#next < ports.length ? this.#next : 0;
    this.#next = first + 1;
    return [...ports.slice(first), ...ports.slice(0, first)];
  }

  #shuffled(ports: number[]): readonly number[] {
    for (let i = ports.length - 1; i > 0; i--) {
      const j = Math.floor(this.#random() * (i + 1));
      [ports[i], ports[j]] = [ports[j] as number, ports[i] as number];
    }
    return ports;
  }
}
