/**
 * Lines of a text that arrives in pieces, and the promise of the next one. Ends once, with or without an error;
 * whoever waits then is told.
 */
export class Lines {
  readonly all: string[] = [];
  #rest = "";
  #ended: Error | undefined;
  readonly #waiting = new Set<() => void>();

  push(piece: string): void {
    const parts = (this.#rest + piece).split(/\r?\n/);
    this.#rest = parts.pop() ?? "";
    if (parts.length === 0) return;
    // Not push(...parts): a large piece has more lines than a call has arguments.
    for (const part of parts) this.all.push(part);
    this.#wake();
  }

  end(reason: Error): void {
    if (this.#ended) return;
    this.#ended = reason;
    if (this.#rest) this.all.push(this.#rest);
    this.#rest = "";
    this.#wake();
  }

  /** The first line from a position on for which the test holds, at once if it is there already. */
  find(matches: (line: string) => boolean, from: number, within: number, what: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let next = from;
      const settle = (action: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        action();
      };
      const look = () => {
        for (; next < this.all.length; next++) {
          const line = this.all[next] ?? "";
          if (matches(line)) return settle(() => resolve(line));
        }
        const ended = this.#ended;
        if (ended) settle(() => reject(new Error(`${ended.message} before ${what}`, { cause: ended })));
      };
      const timer = setTimeout(() => settle(() => reject(new Error(`After ${within} ms: no ${what}`))), within);
      this.#waiting.add(look);
      look();
    });
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}
