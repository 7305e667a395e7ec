/** Who held a shard, from when until when: an epoch of its ownership. Times are those of the service's clock. */
export interface Epoch {
  readonly group: string;
  readonly shard: number;
  readonly consumer: string;
  readonly from: number;
  /** When a heartbeat's reply first told the consumer. */
  toldAt: number | undefined;
  /** When the service took it out of the consumer's replies, to give it to another. */
  leavingAt: number | undefined;
  until: number | undefined;
  why: "handed over" | "evicted" | "read to its end" | "group deleted" | undefined;
}

export interface Pull {
  readonly at: number;
  readonly accessKeyId: string;
  readonly userAgent: string;
  /** A number of the TCP connection. */
  readonly connection: number;
  readonly shard: number;
  /** The first and the next place: groups `from` to `to` were handed out. */
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

export interface CheckpointWrite {
  readonly at: number;
  readonly accessKeyId: string;
  readonly group: string;
  readonly shard: number;
  readonly consumer: string;
  readonly cursor: string;
  readonly forced: boolean;
  /** The error code, when it was refused. */
  readonly refused: string | undefined;
}

export interface Beat {
  readonly at: number;
  readonly group: string;
  readonly consumer: string;
  readonly reported: readonly number[];
  /** The shards of the reply, or the error code. */
  readonly reply: readonly number[] | string;
}

/** A list that forgets its oldest entries rather than grow for ever. */
export class BoundedList<T> {
  readonly #limit: number;
  #entries: T[] = [];
  #forgotten = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get entries(): readonly T[] {
    return this.#entries;
  }

  /** An oracle that reads the whole must find 0 here. */
  get forgotten(): number {
    return this.#forgotten;
  }

  add(entry: T): void {
    this.#entries.push(entry);
    if (this.#entries.length <= this.#limit) return;
    const going = Math.ceil(this.#limit / 4);
    this.#entries = this.#entries.slice(going);
    this.#forgotten += going;
  }
}

/** What an independent oracle needs to know of what the service saw. */
export class History {
  readonly epochs: BoundedList<Epoch>;
  readonly pulls: BoundedList<Pull>;
  readonly checkpoints: BoundedList<CheckpointWrite>;
  readonly beats: BoundedList<Beat>;

  /** @param limit entries of each kind */
  constructor(limit: number) {
    this.epochs = new BoundedList(limit);
    this.pulls = new BoundedList(limit);
    this.checkpoints = new BoundedList(limit);
    this.beats = new BoundedList(limit);
  }

  /** Who holds or held a shard, oldest first. */
  epochsOf(shard: number, group?: string): readonly Epoch[] {
    return this.epochs.entries.filter(
      (epoch) => epoch.shard === shard && (group === undefined || epoch.group === group),
    );
  }
}
