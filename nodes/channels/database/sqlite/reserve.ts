import { closeSync, existsSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** What SQLite needs, at most, to write down takes and to bring its log into the file. */
export const RESERVE_BYTES = 8 * 1024 * 1024;
/** Milliseconds between attempts to get it back. */
const AGAIN_AFTER = 1000;

export const reserveOf = (file: string) => `${file}.reserve`;

/**
 * A file that only takes up room. It is given away when the disk is full: what is taken must be written down, or
 * nothing would ever be free again.
 */
export class Reserve {
  readonly #path: string;
  #there: boolean;
  #lookAgain = 0;

  constructor(file: string) {
    this.#path = reserveOf(file);
    this.#there = existsSync(this.#path);
  }

  /** True when it is there, or could be made. */
  hold(): boolean {
    if (this.#there || performance.now() < this.#lookAgain) return this.#there;
    this.#lookAgain = performance.now() + AGAIN_AFTER;
    const { bavail, bsize } = statfsSync(dirname(this.#path));
    // Not with the last of the room.
    if (bavail * bsize < RESERVE_BYTES * 2) return false;
    try {
      const file = openSync(this.#path, "w", 0o600);
      try {
        const zeros = Buffer.alloc(1024 * 1024);
        for (let at = 0; at < RESERVE_BYTES; at += zeros.length) writeSync(file, zeros);
      } finally {
        closeSync(file);
      }
      this.#there = true;
    } catch {
      rmSync(this.#path, { force: true });
    }
    return this.#there;
  }

  /** False when there was none. */
  giveAway(): boolean {
    const had = this.#there;
    rmSync(this.#path, { force: true });
    this.#there = false;
    return had;
  }
}
