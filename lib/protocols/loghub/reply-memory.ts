/** Smaller replies are left to the collector, in bytes. */
const WORTH_KEEPING = 256 * 1024;
/** Sizes are whole multiples of this, so that replies of about one size fit into the same memory; in bytes. */
const GRAIN = 1024 * 1024;
/** What waits to be used again, at most, in bytes. */
const MOST_KEPT = 32 * 1024 * 1024;

/**
 * Memory of replies, used again for others: memory of megabytes that comes and goes with each reply is collected late
 * where the processor is busy, and a process grows by several times what it needs.
 */
export class ReplyMemory {
  /** The latest last. */
  #kept: Buffer[] = [];
  #bytes = 0;

  /** What is in it at first may be anything. */
  readonly take = (length: number): Buffer => {
    if (length < WORTH_KEEPING) return Buffer.allocUnsafeSlow(length);
    // Not one that is far too large: it would be kept from the replies that it fits.
    const index = this.#kept.findLastIndex(({ length: room }) => room >= length && room <= 2 * length + GRAIN);
    if (index < 0) return Buffer.allocUnsafeSlow(Math.ceil(length / GRAIN) * GRAIN).subarray(0, length);
    const [kept] = this.#kept.splice(index, 1) as [Buffer];
    this.#bytes -= kept.length;
    return kept.subarray(0, length);
  };

  /** Of what `take` gave, once: nobody looks at it any more. */
  give(taken: Buffer): void {
    const { byteLength } = taken.buffer;
    if (byteLength < WORTH_KEEPING || byteLength > MOST_KEPT) return;
    this.#kept.push(Buffer.from(taken.buffer));
    this.#bytes += byteLength;
    while (this.#bytes > MOST_KEPT) this.#forgetOldest();
  }

  /** Nothing comes at the moment: gives back some of what is kept. */
  idle(): void {
    this.#forgetOldest();
  }

  #forgetOldest(): void {
    this.#bytes -= this.#kept.shift()?.length ?? 0;
  }
}
