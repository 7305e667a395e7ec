/** What the debug sidebar gets of a wire, per second. */
const SAMPLES_PER_SECOND = 50;

/** Lets the first events of each second through and tells, at its end, how many were left out. */
export class RateSampler {
  readonly #onSkipped: (skipped: number) => void;
  #left = SAMPLES_PER_SECOND;
  #skipped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(onSkipped: (skipped: number) => void) {
    this.#onSkipped = onSkipped;
  }

  /** How many of `events` to show: the first ones. */
  admit(events: number): number {
    if (!this.#timer) this.#timer = setTimeout(() => this.#endSecond(), 1000).unref();
    const shown = Math.min(events, this.#left);
    this.#left -= shown;
    this.#skipped += events - shown;
    return shown;
  }

  #endSecond(): void {
    const skipped = this.#skipped;
    this.#timer = undefined;
    this.#left = SAMPLES_PER_SECOND;
    this.#skipped = 0;
    if (skipped > 0) this.#onSkipped(skipped);
  }
}
