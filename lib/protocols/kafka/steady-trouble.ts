import type { Trouble } from "./port.js";

/** Shorter troubles are a client's daily life (a group that loads, a leader that moves) and nobody's concern. */
const STEADY = 1_500;

/** Passes on what has not worked for a while, and its end if its beginning was passed on. */
export class SteadyTrouble {
  readonly #tell: Trouble;
  #latest: unknown;
  #told = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: Trouble) {
    this.#tell = tell;
  }

  begins(error: unknown): void {
    const again = error === this.#latest;
    this.#latest = error;
    if (this.#told) {
      if (!again) this.#tell(error);
    } else {
      this.#timer ??= setTimeout(() => {
        this.#told = true;
        this.#tell(this.#latest);
      }, STEADY);
    }
  }

  ends(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#latest = undefined;
    if (!this.#told) return;
    this.#told = false;
    this.#tell();
  }

  /** Nobody listens any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
