/**
 * Variable-length integers as Kafka's record format and Avro both write them: zigzag, seven bits a byte, lowest
 * first. Kafka: DefaultRecord, `Varint` and `Varlong` of the protocol guide; Avro 1.11 specification, "int and long".
 */

/** Bytes that `value` takes: any whole number of up to 51 bits, and its sign. */
export function varintSize(value: number): number {
  let rest = zigzag(value);
  let size = 1;
  while (rest >= 128) {
    rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 128);
    size++;
  }
  return size;
}

/** Writes `value` at `offset`. @returns where the next byte goes */
export function writeVarint(target: Buffer, value: number, offset: number): number {
  let rest = zigzag(value);
  let at = offset;
  while (rest >= 128) {
    target[at++] = (rest & 127) | 128;
    rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 128);
  }
  target[at++] = rest;
  return at;
}

function zigzag(value: number): number {
  // Bit operations cut to 32 bits; lengths fit, time differences may not.
  if (value >= 0) return value * 2;
  return -value * 2 - 1;
}

/** Reads numbers one after the other; `at` moves on. Throws RangeError at the end of the bytes or beyond 10 bytes. */
export class VarintReader {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  next(): number {
    const { bytes } = this;
    // Nearly all of them are lengths below 64 or 8192.
    const first = this.at < this.end ? (bytes[this.at++] as number) : this.#short();
    if (first < 128) return (first >>> 1) ^ -(first & 1);
    let value = first & 127;
    let scale = 128;
    for (let count = 1; count < 10; count++) {
      const byte = this.at < this.end ? (bytes[this.at++] as number) : this.#short();
      value += (byte & 127) * scale;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    throw new RangeError("a number of more than 10 bytes");
  }

  /** Passes over `length` bytes. @returns where they began */
  skip(length: number): number {
    const from = this.at;
    if (length < 0 || length > this.end - from) this.#short();
    this.at = from + length;
    return from;
  }

  #short(): never {
    throw new RangeError("the bytes end too early");
  }
}
