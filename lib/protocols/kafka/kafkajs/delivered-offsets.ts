/** A run of records of one partition that was handed out. */
export interface Handed {
  /** Of the first record. */
  readonly start: number;
  /** Behind the last record, and behind what was left out there. */
  readonly end: number;
  done: boolean;
}

/**
 * How far a partition may be committed: up to the first record that was handed out and is not done yet. Runs are
 * handed out in order and may be done in any.
 */
export class DeliveredOffsets {
  readonly #handed: Handed[] = [];
  #reached: number;
  #committed: number;

  constructor(position: number) {
    this.#reached = position;
    this.#committed = position;
  }

  hand(start: number, end: number): Handed {
    const handed: Handed = { start, end, done: false };
    this.#handed.push(handed);
    return handed;
  }

  /** A run that was given back comes out in two parts. */
  split(handed: Handed, at: number): [Handed, Handed] {
    const parts: [Handed, Handed] = [
      { start: handed.start, end: at, done: false },
      { start: at, end: handed.end, done: false },
    ];
    this.#handed.splice(this.#handed.indexOf(handed), 1, ...parts);
    return parts;
  }

  done(handed: Handed): void {
    handed.done = true;
    for (let first = this.#handed[0]; first?.done; first = this.#handed[0]) {
      this.#reached = first.end;
      this.#handed.shift();
    }
  }

  /**
   * The offset to commit; undefined when it is committed already. Less than before where the log lost its end, or was
   * made anew: whoever reads the partition next must not ask for what is no longer there.
   */
  get due(): number | undefined {
    return this.#reached === this.#committed ? undefined : this.#reached;
  }

  committed(offset: number): void {
    this.#committed = offset;
  }
}
