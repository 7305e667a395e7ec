/** Pieces of at least this many bytes are passed on as they are instead of copied. */
const LARGE_PIECE = 64 * 1024;
const CHUNK = 256 * 1024;
/** Chunks kept for the next writer: memory outside the heap is dear to get and to collect. */
const MOST_KEPT = 64;

const kept: Buffer[] = [];
/** The whole of each chunk that may be kept, by its memory. */
const whole = new WeakMap<ArrayBufferLike, Buffer>();

function newChunk(): Buffer {
  const used = kept.pop();
  if (used) return used;
  const chunk = Buffer.allocUnsafeSlow(CHUNK);
  whole.set(chunk.buffer, chunk);
  return chunk;
}

/**
 * Gives back what `finish()` returned, for the next writers to write over: nobody may hold any of it any more. What is
 * no chunk of a writer, such as the body of an event, is left alone. Giving nothing back is no mistake.
 */
export function releaseChunks(pieces: readonly Buffer[]): void {
  for (const { buffer } of pieces) {
    const chunk = whole.get(buffer);
    if (!chunk) continue;
    // One chunk may have been cut into several pieces.
    if (kept.length < MOST_KEPT && kept.at(-1) !== chunk) kept.push(chunk);
  }
}

/** Gathers many small pieces into few buffers, in order: a write for each event would cost far more than the copy. */
export class ChunkWriter {
  readonly #done: Buffer[] = [];
  #chunk: Buffer;
  #start = 0;
  #end = 0;

  /** `expected` bytes, if known, keep a small batch from taking a whole chunk. */
  constructor(expected = CHUNK) {
    this.#chunk = expected >= CHUNK / 2 ? newChunk() : Buffer.allocUnsafe(Math.max(expected, 1));
  }

  bytes(piece: Buffer): void {
    if (piece.length >= LARGE_PIECE) {
      this.#cut();
      this.#done.push(piece);
      return;
    }
    this.#ensure(piece.length);
    piece.copy(this.#chunk, this.#end);
    this.#end += piece.length;
  }

  byte(value: number): void {
    this.#ensure(1);
    this.#chunk[this.#end++] = value;
  }

  /** As UTF-8. */
  text(piece: string): void {
    const most = piece.length * 3;
    if (most >= LARGE_PIECE) {
      this.bytes(Buffer.from(piece));
      return;
    }
    this.#ensure(most);
    this.#end += this.#chunk.write(piece, this.#end);
  }

  /** Everything written, in order. The writer must not be used afterwards. */
  finish(): Buffer[] {
    this.#cut();
    return this.#done;
  }

  #ensure(bytes: number): void {
    if (this.#chunk.length - this.#end >= bytes) return;
    this.#cut();
    this.#chunk = newChunk();
    this.#start = 0;
    this.#end = 0;
  }

  #cut(): void {
    if (this.#end > this.#start) this.#done.push(this.#chunk.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}
