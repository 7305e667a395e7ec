import { Backoff } from "../../../engine/backoff.js";
import { isHeadraceError } from "../../../engine/errors.js";

/** In milliseconds; each is twice the one before. */
interface Waits {
  readonly first: number;
  readonly most: number;
}

/** Waits of what a person has to mend. */
const SLOW: Waits = { first: 5_000, most: 30_000 };
/** Of a limit that the service sets: the shard is left alone for a while. */
const LIMITED: Waits = { first: 1_000, most: 10_000 };
/** Of everything else: connections, faults of the service. */
const PASSING: Waits = { first: 250, most: 10_000 };
/** Passing troubles are told once there were this many in a row. */
const TOLD_FROM = 3;

const FOR_A_PERSON: ReadonlySet<string> = new Set([
  "FLUME_LOGHUB_KEY",
  "FLUME_LOGHUB_UNAUTHORIZED",
  "FLUME_LOGHUB_CREDENTIALS",
  "FLUME_LOGHUB_MISSING",
  "FLUME_LOGHUB_CLOCK",
]);

export interface Retry {
  /** Milliseconds until the next attempt. */
  readonly wait: number;
  /** Whether it is time that somebody hears of it. */
  readonly tell: boolean;
}

/** When to ask Log Service again after an error, without end. One for each thing that is asked for in turn. */
export class RetryPlan {
  readonly #most: number;
  readonly #random: () => number;
  #failures = 0;
  #kind: Waits | undefined;
  #backoff = new Backoff(PASSING.first, PASSING.most);

  /** `most`: no wait is longer, in milliseconds. */
  constructor(most = Number.POSITIVE_INFINITY, random: () => number = Math.random) {
    this.#most = most;
    this.#random = random;
  }

  failed(error: unknown): Retry {
    const code = isHeadraceError(error) ? error.code : "";
    const slow = FOR_A_PERSON.has(code);
    const kind = slow ? SLOW : code === "FLUME_LOGHUB_QUOTA" ? LIMITED : PASSING;
    if (kind !== this.#kind) this.#backoff = new Backoff(kind.first, kind.most);
    this.#kind = kind;
    // Spread, so that shards and members that failed together do not come back together.
    const wait = this.#backoff.next() * (0.75 + this.#random() / 2);
    return { wait: Math.min(wait, this.#most), tell: slow || ++this.#failures >= TOLD_FROM };
  }

  succeeded(): void {
    this.#failures = 0;
    this.#kind = undefined;
  }
}
