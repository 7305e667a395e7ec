/** Texts remembered at most, and their characters in all. */
const MOST_TEXTS = 10_000;
const MOST_CHARACTERS = 1024 * 1024;
/** Milliseconds after which a text gets another chance: the process may have been held up by something else. */
const MEMORY = 60_000;

/** Texts on which a pattern did not end in time, so that they are not tried at full cost again and again. */
export class SlowTexts {
  /** By text, oldest first: when to forget it. */
  readonly #until = new Map<string, number>();
  #characters = 0;

  has(text: string): boolean {
    if (this.#until.size === 0) return false;
    const until = this.#until.get(text);
    if (until === undefined) return false;
    if (until > performance.now()) return true;
    this.#forget(text);
    return false;
  }

  remember(text: string): void {
    if (text.length > MOST_CHARACTERS) return;
    this.#until.set(text, performance.now() + MEMORY);
    this.#characters += text.length;
    for (const oldest of this.#until.keys()) {
      if (this.#until.size <= MOST_TEXTS && this.#characters <= MOST_CHARACTERS) return;
      this.#forget(oldest);
    }
  }

  #forget(text: string): void {
    this.#until.delete(text);
    this.#characters -= text.length;
  }
}
