import { WaitingLine } from "../../../engine/waiting-line.js";

/** What one reply may take, uncompressed, as long as its size is not known; in bytes. */
const USUAL_MOST = 10 * 1024 * 1024;
/** Where replies were larger, so much of the largest is expected of the next one, and so on. */
const FADING = 0.9;

/** The memory of one reply, from before it is asked for until its events are delivered. */
export interface Booking {
  /** The reply is here, and takes this much. */
  holds(bytes: number): void;
  /** May be called more than once. */
  release(): void;
}

/**
 * Bytes that the replies of all shards may take together. Whoever waits is served in turn, so no shard is kept
 * from its turn by busier ones. One reply is always allowed, however large it is.
 */
export class PullBudget {
  readonly #total: number;
  readonly #line = new WaitingLine<number>();
  #used = 0;
  #bookings = 0;
  #expected = USUAL_MOST;

  /** `total` in bytes. */
  constructor(total: number) {
    this.#total = total;
  }

  get used(): number {
    return this.#used;
  }

  /** Rejects when the signal aborts first. */
  async book(signal: AbortSignal): Promise<Booking> {
    let held = this.#line.length > 0 || !this.#fits() ? await this.#line.wait(signal) : this.#take();
    let released = false;
    const set = (bytes: number) => {
      this.#used += bytes - held;
      held = bytes;
      this.#admit();
    };
    return {
      holds: (bytes) => {
        this.#expected = Math.max(USUAL_MOST, bytes, FADING * this.#expected);
        set(bytes);
      },
      release: () => {
        if (released) return;
        released = true;
        this.#bookings--;
        set(0);
      },
    };
  }

  #fits(): boolean {
    return this.#bookings === 0 || this.#used + this.#expected <= this.#total;
  }

  #take(): number {
    const bytes = this.#expected;
    this.#used += bytes;
    this.#bookings++;
    return bytes;
  }

  /** Room is taken for whoever is let in at that very moment: it continues only later. */
  #admit(): void {
    while (this.#line.length > 0 && this.#fits()) {
      this.#line.offer(this.#take());
    }
  }
}
