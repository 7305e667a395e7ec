/**
 * LZ4 blocks, without a frame and without a length before them, as Log Service sends and takes them: a sequence of
 * (token, literals, offset, match). https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */

/** No block holds more than this many times its own bytes. */
const MOST_GROWTH = 255;
const SHORTEST_MATCH = 4;
/** Below this a loop is faster than a call of Buffer's. */
const LONG_COPY = 48;

/** The bytes are no LZ4 block of that length. */
export class Lz4Damage extends Error {
  constructor(at: number, reason: string) {
    super(`LZ4: ${reason} at byte ${at}`);
    this.name = "Lz4Damage";
  }
}

/** Unpacks one block, as far at a time as is wanted. */
export class Lz4BlockReader {
  readonly #source: Buffer;
  /** Filled as far as `written`. */
  readonly target: Buffer;
  #from = 0;
  #at = 0;

  /**
   * `length`: bytes that the block holds; `take` gives the memory for them. Throws Lz4Damage, before it takes any, when the
   * block cannot hold so many.
   */
  constructor(source: Buffer, length: number, take: (length: number) => Buffer = Buffer.allocUnsafeSlow) {
    if (length > source.length * MOST_GROWTH) throw new Lz4Damage(0, `${source.length} bytes cannot hold ${length}`);
    this.#source = source;
    this.target = take(length);
  }

  get written(): number {
    return this.#at;
  }

  /** Goes on until `most` more bytes are written, about, or the block ends: then true. Throws Lz4Damage. */
  run(most: number): boolean {
    const source = this.#source;
    const target = this.target;
    const sourceEnd = source.length;
    const targetEnd = target.length;
    const pause = this.#at + most;
    let from = this.#from;
    let at = this.#at;
    while (at < pause || from >= sourceEnd) {
      if (from >= sourceEnd) throw new Lz4Damage(from, "it ends too early");
      const token = source[from++] as number;
      let literals = token >> 4;
      if (literals === 15) {
        let byte = 255;
        while (byte === 255) {
          if (from >= sourceEnd) throw new Lz4Damage(from, "it ends too early");
          byte = source[from++] as number;
          literals += byte;
        }
      }
      const literalsEnd = from + literals;
      if (literalsEnd > sourceEnd || at + literals > targetEnd) throw new Lz4Damage(from, "literals beyond the end");
      if (literals < LONG_COPY) {
        while (from < literalsEnd) target[at++] = source[from++] as number;
      } else {
        source.copy(target, at, from, literalsEnd);
        at += literals;
        from = literalsEnd;
      }
      if (from === sourceEnd) {
        if (at !== targetEnd) throw new Lz4Damage(from, `it holds ${at} bytes, not ${targetEnd}`);
        this.#from = from;
        this.#at = at;
        return true;
      }
      if (from + 2 > sourceEnd) throw new Lz4Damage(from, "it ends too early");
      const offset = (source[from] as number) | ((source[from + 1] as number) << 8);
      from += 2;
      let match = (token & 15) + SHORTEST_MATCH;
      if (match === 15 + SHORTEST_MATCH) {
        let byte = 255;
        while (byte === 255) {
          if (from >= sourceEnd) throw new Lz4Damage(from, "it ends too early");
          byte = source[from++] as number;
          match += byte;
        }
      }
      if (offset === 0 || offset > at) throw new Lz4Damage(from, "a match before the beginning");
      if (at + match > targetEnd) throw new Lz4Damage(from, "a match beyond the end");
      if (match < LONG_COPY) {
        let back = at - offset;
        for (const end = at + match; at < end; ) target[at++] = target[back++] as number;
      } else {
        at = copyMatch(target, at, offset, match);
      }
    }
    this.#from = from;
    this.#at = at;
    return false;
  }
}

/** A match may overlap what it makes: then the piece there is doubled until it is long enough. */
function copyMatch(target: Buffer, start: number, offset: number, length: number): number {
  const from = start - offset;
  const end = start + length;
  let at = start;
  while (at < end) {
    const piece = Math.min(at - from, end - at);
    target.copyWithin(at, from, from + piece);
    at += piece;
  }
  return end;
}

const HASH_BITS = 14;
/** Bytes at the end that must be literals, and the last place where a match may begin. */
const LAST_LITERALS = 5;
const LAST_MATCH = 12;
const FARTHEST = 65_535;

/** Packs bytes into one block, greedily and as far at a time as is wanted: speed matters more than the last percent. */
export class Lz4BlockWriter {
  readonly #source: Buffer;
  readonly #target: Buffer;
  /** Places of the last 16,384 kinds of four bytes, plus one. */
  readonly #seen = new Int32Array(1 << HASH_BITS);
  #at = 0;
  #from = 0;
  #literalsFrom = 0;

  constructor(source: Buffer) {
    const { length } = source;
    this.#source = source;
    this.#target = Buffer.allocUnsafe(length + Math.ceil(length / 255) + 16);
  }

  /** Once `run` has given true. */
  get block(): Buffer {
    return this.#target.subarray(0, this.#at);
  }

  /** Goes on until `most` more bytes are packed, about, or all are: then true. */
  run(most: number): boolean {
    const source = this.#source;
    const target = this.#target;
    const seen = this.#seen;
    const { length } = source;
    const lastMatch = length - LAST_MATCH;
    const matchLimit = length - LAST_LITERALS;
    const pause = this.#from + most;
    let misses = 0;
    let i = this.#from;
    while (i <= lastMatch && i < pause) {
      const four = readFour(source, i);
      const slot = Math.imul(four, 0x9e37_79b1) >>> (32 - HASH_BITS);
      const candidate = (seen[slot] as number) - 1;
      seen[slot] = i + 1;
      if (candidate < 0 || i - candidate > FARTHEST || readFour(source, candidate) !== four) {
        // Where nothing repeats, steps grow, so that it costs little.
        i += 1 + (misses++ >> 6);
        continue;
      }
      misses = 0;
      let end = i + SHORTEST_MATCH;
      let back = candidate + SHORTEST_MATCH;
      while (end < matchLimit && source[end] === source[back]) {
        end++;
        back++;
      }
      this.#at = writeSequence(
        source,
        this.#literalsFrom,
        i,
        target,
        this.#at,
        i - candidate,
        end - i - SHORTEST_MATCH,
      );
      i = end;
      this.#literalsFrom = end;
    }
    this.#from = i;
    if (i <= lastMatch) return false;
    this.#at = writeSequence(source, this.#literalsFrom, length, target, this.#at, 0, 0);
    return true;
  }
}

function readFour(bytes: Buffer, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** Literals and the match behind them; `offset` 0: no match, the block ends. */
function writeSequence(
  source: Buffer,
  from: number,
  to: number,
  target: Buffer,
  start: number,
  offset: number,
  match: number,
): number {
  const literals = to - from;
  target[start] = (Math.min(literals, 15) << 4) | (offset === 0 ? 0 : Math.min(match, 15));
  let at = start + 1;
  if (literals >= 15) at = writeRest(target, at, literals - 15);
  if (literals < LONG_COPY) for (let i = from; i < to; i++) target[at++] = source[i] as number;
  else at += source.copy(target, at, from, to);
  if (offset === 0) return at;
  target[at++] = offset & 255;
  target[at++] = offset >> 8;
  return match >= 15 ? writeRest(target, at, match - 15) : at;
}

function writeRest(target: Buffer, start: number, length: number): number {
  let at = start;
  let rest = length;
  for (; rest >= 255; rest -= 255) target[at++] = 255;
  target[at++] = rest;
  return at;
}
