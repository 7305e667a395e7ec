import { nextLoopTurn, turnIsOver } from "../../../engine/turn.js";

/** Castagnoli's polynomial, reflected: RFC 3720, appendix B.4; what Kafka's record batches carry. */
const POLYNOMIAL = 0x82f63b78;

/** Eight bytes a step: table n gives what a byte does n bytes before the end. */
const tables: Uint32Array[] = [];

for (let table = 0; table < 8; table++) {
  const entries = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    if (table === 0) {
      let crc = byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
      entries[byte] = crc >>> 0;
    } else {
      const before = (tables[table - 1] as Uint32Array)[byte] as number;
      entries[byte] = ((before >>> 8) ^ ((tables[0] as Uint32Array)[before & 255] as number)) >>> 0;
    }
  }
  tables.push(entries);
}

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

/** CRC-32C of the bytes from `start` to `end`; `before` is that of the bytes in front of them, if there are any. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, before = 0): number {
  let crc = before ^ 0xffffffff;
  let i = start;
  for (const last = end - 7; i < last; i += 8) {
    const low =
      crc ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24));
    crc =
      (t7[low & 255] as number) ^
      (t6[(low >>> 8) & 255] as number) ^
      (t5[(low >>> 16) & 255] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[bytes[i + 4] as number] as number) ^
      (t2[bytes[i + 5] as number] as number) ^
      (t1[bytes[i + 6] as number] as number) ^
      (t0[bytes[i + 7] as number] as number);
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[i] as number)) & 255] as number);
  return (crc ^ 0xffffffff) >>> 0;
}

/** A checksum of a megabyte takes a millisecond: others have their turn between pieces of so many bytes. */
const AT_ONCE = 128 * 1024;

/** CRC-32C of the bytes from `start` on. */
export async function crc32cInTurns(bytes: Uint8Array, start: number): Promise<number> {
  let crc = 0;
  for (let at = start; at < bytes.length; at += AT_ONCE) {
    if (turnIsOver()) await nextLoopTurn();
    crc = crc32c(bytes, at, Math.min(bytes.length, at + AT_ONCE), crc);
  }
  return crc;
}
