// LZ4 blocks without frame and without a length in front, as the service speaks them. Written for the emulator alone, so
// that it and the client can disagree.

const SHORTEST_MATCH = 4;
/** The format's end conditions: the last five bytes are literals, the last match begins twelve bytes before the end. */
const LAST_LITERALS = 5;
const LAST_MATCH_START = 12;
const HASH_BITS = 14;

export function lz4Compress(input: Buffer): Buffer {
  const out = Buffer.allocUnsafe(input.length + Math.ceil(input.length / 255) + 16);
  const seen = new Int32Array(1 << HASH_BITS).fill(-1);
  let written = 0;
  let anchor = 0;
  let at = 0;

  const length = (rest: number): void => {
    let left = rest;
    for (; left >= 255; left -= 255) out[written++] = 255;
    out[written++] = left;
  };
  const sequence = (literals: number, matched: number, distance: number): void => {
    const token = written++;
    const matchCode = matched === 0 ? 0 : matched - SHORTEST_MATCH;
    out[token] = (Math.min(literals, 15) << 4) | Math.min(matchCode, 15);
    if (literals >= 15) length(literals - 15);
    input.copy(out, written, anchor, anchor + literals);
    written += literals;
    if (matched === 0) return;
    out[written++] = distance & 0xff;
    out[written++] = distance >> 8;
    if (matchCode >= 15) length(matchCode - 15);
  };

  while (at <= input.length - LAST_MATCH_START) {
    const word = input.readUInt32LE(at);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
    const candidate = seen[slot] ?? -1;
    seen[slot] = at;
    if (candidate < 0 || at - candidate > 0xffff || input.readUInt32LE(candidate) !== word) {
      at++;
      continue;
    }
    let end = at + SHORTEST_MATCH;
    while (end < input.length - LAST_LITERALS && input[end] === input[candidate + end - at]) end++;
    sequence(at - anchor, end - at, at - candidate);
    at = end;
    anchor = end;
  }
  sequence(input.length - anchor, 0, 0);
  return Buffer.from(out.subarray(0, written));
}

/** @throws Error when the block is not well formed or does not fill exactly `size` bytes */
export function lz4Decompress(block: Buffer, size: number): Buffer {
  const out = Buffer.allocUnsafe(size);
  let written = 0;
  let at = 0;

  const byte = (): number => {
    const value = block[at++];
    if (value === undefined) throw new Error(`The LZ4 block ends inside a sequence, at byte ${block.length}`);
    return value;
  };
  const length = (code: number): number => {
    let sum = code;
    if (code < 15) return sum;
    for (;;) {
      const more = byte();
      sum += more;
      if (more < 255) return sum;
    }
  };

  for (;;) {
    const token = byte();
    const literals = length(token >> 4);
    if (at + literals > block.length) throw new Error(`The LZ4 block ends inside ${literals} literals`);
    if (written + literals > size) throw new Error(`The LZ4 block holds more than the ${size} bytes told`);
    block.copy(out, written, at, at + literals);
    written += literals;
    at += literals;
    if (at === block.length) break;
    const distance = byte() | (byte() << 8);
    if (distance === 0 || distance > written)
      throw new Error(`The LZ4 block points ${distance} bytes back at ${written}`);
    let matched = length(token & 15) + SHORTEST_MATCH;
    if (written + matched > size) throw new Error(`The LZ4 block holds more than the ${size} bytes told`);
    for (; matched > 0; matched--, written++) out[written] = out[written - distance] ?? 0;
  }
  if (written !== size) throw new Error(`The LZ4 block holds ${written} bytes, not the ${size} told`);
  return out;
}
