/** Reads what WireWriter's namesake on the broker wrote. Throws RangeError at the end of the bytes. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#skip(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#skip(4));
  }

  int64(): number {
    return Number(this.#bytes.readBigInt64BE(this.#skip(8)));
  }

  bigInt64(): bigint {
    return this.#bytes.readBigInt64BE(this.#skip(8));
  }

  text(): string {
    const length = this.int16();
    const from = this.#skip(Math.max(0, length));
    return this.#bytes.toString("utf8", from, from + Math.max(0, length));
  }

  /** Shares memory. */
  block(): Buffer {
    const length = this.int32();
    const from = this.#skip(Math.max(0, length));
    return this.#bytes.subarray(from, from + Math.max(0, length));
  }

  /** Null reads as empty. */
  list<T>(read: (reader: this) => T): T[] {
    const items: T[] = [];
    for (let left = this.int32(); left > 0; left--) items.push(read(this));
    return items;
  }

  #skip(size: number): number {
    const from = this.#at;
    if (size > this.#bytes.length - from) throw new RangeError("an answer of the broker ends too early");
    this.#at = from + size;
    return from;
  }
}
