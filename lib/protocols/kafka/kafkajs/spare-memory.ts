/** Kept for later batches of one producer, in bytes. */
const MOST = 8 * 1024 * 1024;

/**
 * Memory of batches that nobody needs any more, for those that come next: made anew for each, it would be most of
 * what the collector has to do.
 */
export class SpareMemory {
  readonly #spare: Buffer[] = [];
  #bytes = 0;

  take(): Buffer | undefined {
    const memory = this.#spare.pop();
    if (memory) this.#bytes -= memory.length;
    return memory;
  }

  keep(memory: Buffer): void {
    if (this.#bytes + memory.length > MOST) return;
    this.#spare.push(memory);
    this.#bytes += memory.length;
  }
}
