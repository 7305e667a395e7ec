import type { Clock } from "../../../lib/engine/clock.js";
import type { SinkPorts } from "./sink-ports.js";

/** Milliseconds that a sink rests after a failure: Flume's sink runner. */
const REST = 5000;

/** Which of several sinks can take a batch now. The one that has been idle longest comes first. */
export class IdleSinks {
  readonly #ports: SinkPorts;
  readonly #clock: Clock;
  readonly #busy = new Set<number>();
  readonly #restingUntil = new Map<number, number>();
  /** When each was last given a batch, counted, not timed. */
  readonly #lastUse = new Map<number, number>();
  #uses = 0;

  constructor(ports: SinkPorts, clock: Clock) {
    this.#ports = ports;
    this.#clock = clock;
  }

  ready(): readonly number[] {
    const now = this.#clock.now();
    return this.#ports.wired
      .filter((port) => !this.#busy.has(port) && (this.#restingUntil.get(port) ?? 0) <= now)
      .sort((a, b) => (this.#lastUse.get(a) ?? 0) - (this.#lastUse.get(b) ?? 0));
  }

  take(accepts: (port: number) => boolean = () => true): number | undefined {
    const port = this.ready().find(accepts);
    if (port !== undefined) this.claim(port);
    return port;
  }

  claim(port: number): void {
    this.#busy.add(port);
    this.#lastUse.set(port, ++this.#uses);
  }

  release(port: number): void {
    this.#busy.delete(port);
  }

  rest(port: number): void {
    this.#restingUntil.set(port, this.#clock.now() + REST);
  }

  /** Whether one of these is busy now, so that waiting for it makes sense. */
  mayBecome(accepts: (port: number) => boolean): boolean {
    return [...this.#busy].some((port) => accepts(port) && this.#ports.isWired(port));
  }

  /** Milliseconds until the first sink that rests may be used again. */
  nextRestEnd(): number | undefined {
    const now = this.#clock.now();
    const waits = [...this.#restingUntil.values()].map((until) => until - now).filter((wait) => wait > 0);
    return waits.length > 0 ? Math.min(...waits) : undefined;
  }
}
