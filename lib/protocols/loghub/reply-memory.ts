/** Smaller replies are left to the collector, in bytes. */
const WORTH_KEEPING = 256 * 1024;
/** Pieces have whole multiples of this, so that replies of about one size fit into the same one; in bytes. */
const GRAIN = 1024 * 1024;
/** And a little more: the service counts bytes of LogGroups, and a list of them has a few beside each. */
const BESIDE = 64 * 1024;
/** A piece that was not used for so long is given back, in milliseconds. */
const KEPT_FOR = 10_000;

interface Kept {
  readonly bytes: Buffer;
  readonly since: number;
}

/**
 * Memory of replies, used again for others: memory of megabytes that comes and goes with each reply is collected late
 * where the processor is busy, and leaves gaps that nothing fits into, so that a process grows by several times what it
 * needs. What is in use and what waits to be used again are never more together than what was in use at one time.
 */
export class ReplyMemory {
  readonly #now: () => number;
  /** The latest last. */
  readonly #kept: Kept[] = [];
  #keptBytes = 0;
  #usedBytes = 0;
  #mostUsed = 0;

  /** `now` in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** What is in it at first may be anything. To be given back. */
  readonly take = (length: number): Buffer => {
    if (length < WORTH_KEEPING) return Buffer.allocUnsafeSlow(length);
    const piece = this.#fitting(length) ?? Buffer.allocUnsafeSlow(roomFor(length));
    this.#usedBytes += piece.length;
    this.#mostUsed = Math.max(this.#mostUsed, this.#usedBytes);
    while (this.#usedBytes + this.#keptBytes > this.#mostUsed) this.#forgetOldest();
    return piece.subarray(0, length);
  };

  /** What `take` gave, once: nobody looks at it any more. */
  give(taken: Buffer): void {
    const { byteLength } = taken.buffer;
    if (byteLength < WORTH_KEEPING) return;
    this.#usedBytes -= byteLength;
    this.#kept.push({ bytes: Buffer.from(taken.buffer), since: this.#now() });
    this.#keptBytes += byteLength;
  }

  /** A shard has nothing new: what has not been used for a while goes. */
  idle(): void {
    const before = this.#now() - KEPT_FOR;
    while ((this.#kept[0]?.since ?? before) < before) this.#forgetOldest();
    this.#mostUsed = this.#usedBytes + this.#keptBytes;
  }

  /** Not one that is far too large: as long as it is in use it counts with all that it has. */
  #fitting(length: number): Buffer | undefined {
    const index = this.#kept.findLastIndex(({ bytes }) => bytes.length >= length && bytes.length <= 2 * length + GRAIN);
    const [kept] = index < 0 ? [] : this.#kept.splice(index, 1);
    this.#keptBytes -= kept?.bytes.length ?? 0;
    return kept?.bytes;
  }

  #forgetOldest(): void {
    this.#keptBytes -= this.#kept.shift()?.bytes.length ?? 0;
  }
}

function roomFor(length: number): number {
  return Math.ceil((length - BESIDE) / GRAIN) * GRAIN + BESIDE;
}
