import type { OnReadOpts } from "node:net";

/** Each answer begins with its length, in four bytes: Kafka protocol guide, "Response Header". */
const PREFIX = 4;
/** What is read at once while no answer is under way, in bytes. */
const SCRATCH = 64 * 1024;
/** An answer that says it is longer gets memory as it comes: a server that speaks something else says anything. */
const BELIEVED = 16 * 1024 * 1024;

/**
 * Reads a socket so that each answer comes in one buffer of its own, made once. As chunks of 64 KiB, which the
 * library joins, every byte took memory twice or three times, outside of the heap; at 90 MB/s the collector stopped the
 * loop ten times a second for it, for 10 to 30 ms.
 */
export class WholeAnswers {
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH);
  readonly #answered: (answer: Buffer) => void;
  /** Of the length of the next answer, what has come. */
  readonly #prefix = Buffer.alloc(PREFIX);
  #answer: Buffer | undefined;
  /** With the length in front of it. */
  #length = 0;
  #filled = 0;

  /** `answered` gets each answer with the length in front of it. */
  constructor(answered: (answer: Buffer) => void) {
    this.#answered = answered;
  }

  /** For `onread` of a socket. */
  get onread(): OnReadOpts {
    return {
      buffer: () => this.#room(),
      callback: (length, buffer) => {
        this.#received(length, buffer as Buffer);
        return true;
      },
    };
  }

  /** A large answer is read straight into its place. */
  #room(): Buffer {
    const answer = this.#answer;
    return answer && answer.length - this.#filled >= SCRATCH ? answer.subarray(this.#filled) : this.#scratch;
  }

  #received(length: number, buffer: Buffer): void {
    const answer = this.#answer;
    if (answer && buffer.buffer === answer.buffer) {
      this.#filled += length;
      this.#endIfFull(answer);
      return;
    }
    for (let at = 0; at < length; ) at += this.#copy(buffer.subarray(at, length));
  }

  /** @returns how many of the bytes belong to the answer under way */
  #copy(bytes: Buffer): number {
    if (!this.#answer) return this.#begin(bytes);
    const room = Math.min(bytes.length, this.#length - this.#filled);
    const answer = this.#enlarged(this.#answer, this.#filled + room);
    bytes.copy(answer, this.#filled, 0, room);
    this.#filled += room;
    this.#endIfFull(answer);
    return room;
  }

  #begin(bytes: Buffer): number {
    const copied = bytes.copy(this.#prefix, this.#filled, 0, PREFIX - this.#filled);
    this.#filled += copied;
    if (this.#filled < PREFIX) return copied;
    this.#length = PREFIX + this.#prefix.readUInt32BE(0);
    const answer = Buffer.allocUnsafe(Math.min(this.#length, BELIEVED));
    this.#prefix.copy(answer);
    this.#answer = answer;
    this.#endIfFull(answer);
    return copied;
  }

  #enlarged(answer: Buffer, atLeast: number): Buffer {
    if (answer.length >= atLeast) return answer;
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(atLeast, answer.length * 2)));
    answer.copy(larger, 0, 0, this.#filled);
    this.#answer = larger;
    return larger;
  }

  #endIfFull(answer: Buffer): void {
    if (this.#filled < this.#length) return;
    this.#answer = undefined;
    this.#filled = 0;
    this.#answered(answer);
  }
}
