const MAGIC = 0x184d2204;
/** Flags of the frame descriptor. */
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
/** Of a block's length: it is not compressed. */
const AS_IT_IS = 0x80000000;
const SMALLEST_HEADER = 7;

/**
 * The most that LZ4 frames can hold, in bytes: as many blocks as there are, each as large as its frame allows
 * (lz4_Frame_format.md 1.6.4). What is no frame counts for nothing: it cannot be unpacked.
 */
export function mostInLz4Frames(bytes: Buffer): number {
  let most = 0;
  let at = 0;
  while (at + SMALLEST_HEADER <= bytes.length && bytes.readUInt32LE(at) === MAGIC) {
    const flags = bytes.readUInt8(at + 4);
    // 4 to 7 stand for 64 KiB, 256 KiB, 1 MiB and 4 MiB.
    const largest = 2 ** (8 + 2 * ((bytes.readUInt8(at + 5) >> 4) & 7));
    at += SMALLEST_HEADER + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY ? 4 : 0);
    while (at + 4 <= bytes.length) {
      const length = bytes.readUInt32LE(at);
      at += 4;
      if (length === 0) break;
      most += largest;
      at += (length & ~AS_IT_IS) + (flags & BLOCK_CHECKSUM ? 4 : 0);
    }
    if (flags & CONTENT_CHECKSUM) at += 4;
  }
  return most;
}
