/** Pieces of at least this many bytes are passed on as they are instead of copied. */
const LARGE_PIECE = 64 * 1024;
/** Small enough to stay in a processor's cache from one use to the next. */
const CHUNK = 256 * 1024;
/** Chunks kept for the next writer: memory outside the heap is dear to get and to collect. */
const MOST_KEPT = 32;

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
 * Gives back what a writer handed out, for the next writers to write over: nobody may hold any of it any more. What
 * is no chunk of a writer, such as the body of an event, is left alone. Giving nothing back is no mistake; giving the
 * same back twice is one.
 */
export function releaseChunk(piece: Buffer): void {
  const chunk = whole.get(piece.buffer);
  if (chunk && kept.length < MOST_KEPT) kept.push(chunk);
}

/** Gathers many small pieces into few buffers, in order: a write for each event would cost far more than the copy. */
export class ChunkWriter {
  #done: Buffer[] = [];
  #chunk: Buffer;
  #end = 0;

  /** `expected` bytes keep a small batch from taking a whole chunk. */
  constructor(expected: number) {
    this.#chunk = expected >= CHUNK / 2 ? newChunk() : Buffer.allocUnsafe(Math.max(expected, 1));
  }

  bytes(piece: Buffer): void {
    if (piece.length >= LARGE_PIECE) {
      this.#cut();
      this.#done.push(piece);
      return;
    }
    this.#ensure(piece.length);
    this.#chunk.set(piece, this.#end);
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

  int32(value: number): void {
    this.#ensure(4);
    this.#end = this.#chunk.writeInt32BE(value, this.#end);
  }

  int64(value: bigint): void {
    this.#ensure(8);
    this.#end = this.#chunk.writeBigInt64BE(value, this.#end);
  }

  get hasFull(): boolean {
    return this.#done.length > 0;
  }

  /** The buffers that are full, in order: no chunk is in two of them. */
  takeFull(): Buffer[] {
    const full = this.#done;
    this.#done = [];
    return full;
  }

  /** The rest. The writer must not be used afterwards. */
  finish(): Buffer[] {
    if (this.#end > 0) this.#done.push(this.#chunk.subarray(0, this.#end));
    return this.takeFull();
  }

  #ensure(bytes: number): void {
    if (this.#chunk.length - this.#end < bytes) this.#cut();
  }

  #cut(): void {
    if (this.#end === 0 && this.#chunk.length >= CHUNK) return;
    if (this.#end > 0) this.#done.push(this.#chunk.subarray(0, this.#end));
    this.#chunk = newChunk();
    this.#end = 0;
  }
}
