import { linearBackoff } from "../../../engine/backoff.js";
import type { Cursor, PulledGroups } from "../port.js";

/** A reply of this size, before the service's filter, tells that there is more to fetch at once; in bytes. */
const FULL = 1024 * 1024;

export interface PaceSettings {
  /** Most LogGroups of a reply. */
  readonly count: number;
  /** Between two pulls while something comes, but little; in milliseconds. */
  readonly fetchInterval: number;
  /** Of a shard with nothing new the waits grow by this much, up to the longest; in milliseconds. */
  readonly idleIncrement: number;
  readonly idleMost: number;
}

/**
 * How long to wait before the next pull of a shard: not at all while replies come full, a little while something
 * comes, and longer and longer while nothing does. A service that filters is judged by what it read, not by what
 * it sent.
 */
export class PullPace {
  readonly #settings: PaceSettings;
  #empty = 0;

  constructor(settings: PaceSettings) {
    this.#settings = settings;
  }

  /** In milliseconds, after the reply to a pull at `cursor`. */
  after(reply: PulledGroups, cursor: Cursor): number {
    const { count, fetchInterval, idleIncrement, idleMost } = this.#settings;
    const atEnd = isAtEnd(reply, cursor);
    if (reply.rawCount > 0) {
      this.#empty = 0;
      if (reply.rawCount >= count || (!atEnd && reply.rawBytes >= FULL)) return 0;
      return fetchInterval;
    }
    // Not at the end, and yet nothing: the service passes over what it does not keep any more.
    if (!atEnd) return fetchInterval;
    return Math.max(fetchInterval, linearBackoff(idleIncrement, idleMost, ++this.#empty));
  }
}

/** Whether a reply reaches to the end of the shard. Where the service does not say: it has nothing new, and stays. */
export function isAtEnd({ atEnd, next }: PulledGroups, cursor: Cursor): boolean {
  return atEnd ?? next === cursor;
}
