/** Writes the fixed-size values of Kafka's protocol (protocol guide, "Protocol Primitive Types"), growing as needed. */
export class WireWriter {
  #bytes: Buffer;
  #end = 0;

  constructor(expected = 256) {
    this.#bytes = Buffer.allocUnsafe(expected);
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  int8(value: number): this {
    this.#bytes.writeInt8(value, this.#take(1));
    return this;
  }

  int16(value: number): this {
    this.#bytes.writeInt16BE(value, this.#take(2));
    return this;
  }

  int32(value: number): this {
    this.#bytes.writeInt32BE(value, this.#take(4));
    return this;
  }

  int64(value: number): this {
    this.#bytes.writeBigInt64BE(BigInt(value), this.#take(8));
    return this;
  }

  text(value: string | null): this {
    if (value === null) return this.int16(-1);
    const length = Buffer.byteLength(value);
    this.int16(length);
    this.#bytes.write(value, this.#take(length), "utf8");
    return this;
  }

  #take(size: number): number {
    const from = this.#end;
    this.#end += size;
    if (this.#end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#end, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, from);
      this.#bytes = larger;
    }
    return from;
  }
}
