import { HeadraceError } from "../errors.js";
import { nextLoopTurn } from "../turn.js";
import { backtracking, type Risk } from "./pattern-risk.js";
import { SlowTexts } from "./slow-texts.js";
import { endsWithin } from "./time-limit.js";

/** Events whose texts are matched, as far as that concerns the matching. */
export interface MatchedBatch {
  readonly length: number;
  refuse(index: number, error: HeadraceError): void;
}

/** What is done with each event of a batch. */
export interface Matching<R, B extends MatchedBatch> {
  /** The text to match; undefined for an event that was dropped. */
  text(batch: B, index: number): string | undefined;
  /** May be cut off at any moment and done again, so it only computes. */
  match(text: string): R;
  apply(batch: B, index: number, result: R): void;
}

/** Steps that a batch may take at worst without a watchdog: 1 to 3 ms. */
const FREE_STEPS = 1_000_000;
/** Milliseconds that matching may hold up the event loop at a time. */
const TURN_LIMIT = 15;
/** Milliseconds for one event that alone was cut off once: a pause of the whole process may have been the cause. */
const EVENT_LIMIT = 30;
/** After this many events in a row that were too slow, the next ones are cut off … */
const STREAK = 3;
/** … after this many milliseconds already, and once is enough; until one ends in time. */
const STREAK_LIMIT = 5;

/**
 * Matches a pattern against each event of a batch without ever holding up the process for long: what can go
 * back and forth for too long (see `backtracking`) runs under a watchdog. An event that does not end in time is
 * refused, and remembered for a while, because a batch that is blocked by it comes again and again.
 */
export class BoundedMatching<R, B extends MatchedBatch> {
  readonly #pattern: RegExp;
  readonly #matching: Matching<R, B>;
  readonly #risk: Risk;
  readonly #slow = new SlowTexts();
  #streak = 0;

  constructor(pattern: RegExp, matching: Matching<R, B>) {
    this.#pattern = pattern;
    this.#matching = matching;
    this.#risk = backtracking(pattern);
  }

  run(batch: B): void | Promise<void> {
    const { power, factor } = this.#risk;
    let steps = FREE_STEPS;
    for (let i = 0; i < batch.length; i++) {
      const text = this.#matching.text(batch, i);
      if (text === undefined) continue;
      steps -= factor * (text.length + 1) ** power;
      if (steps < 0) return this.#runGuarded(batch, i);
      this.#matching.apply(batch, i, this.#matching.match(text));
    }
  }

  #runGuarded(batch: B, first: number): void | Promise<void> {
    const work: GuardedWork<R, B> = { batch, at: first, results: [] };
    if (!this.#attempt(work, TURN_LIMIT)) return this.#runOverTurns(work);
  }

  async #runOverTurns(work: GuardedWork<R, B>): Promise<void> {
    for (;;) {
      await nextLoopTurn();
      const first = work.at;
      const limit = this.#streak < STREAK ? TURN_LIMIT : STREAK_LIMIT;
      if (this.#attempt(work, limit)) return;
      if (work.at === first) await this.#settleSlow(work, limit);
      else this.#streak = 0;
    }
  }

  /** One event alone was cut off: another chance, in a turn of its own, unless it is one of many. */
  async #settleSlow(work: GuardedWork<R, B>, limit: number): Promise<void> {
    const { batch, at } = work;
    if (limit === TURN_LIMIT) {
      await nextLoopTurn();
      limit = EVENT_LIMIT;
      const one: GuardedWork<R, B> = { batch, at, results: [], end: at + 1 };
      if (this.#attempt(one, limit)) {
        work.at++;
        return;
      }
    }
    this.#streak++;
    this.#slow.remember(this.#matching.text(batch, at) as string);
    batch.refuse(at, tooSlow(this.#pattern, limit));
    work.at++;
  }

  /** From where the work stands to its end, or until cut off; then applies what was found. */
  #attempt(work: GuardedWork<R, B>, milliseconds: number): boolean {
    const first = work.at;
    const ended = endsWithin(milliseconds, () => this.#matchAll(work));
    for (let i = first; i < work.at; i++) {
      const result = work.results[i - first];
      if (result === SLOW) work.batch.refuse(i, tooSlow(this.#pattern, EVENT_LIMIT));
      else if (result !== undefined) this.#matching.apply(work.batch, i, result.found);
    }
    work.results = [];
    return ended;
  }

  #matchAll(work: GuardedWork<R, B>): void {
    const { batch, results, end = batch.length } = work;
    for (const first = work.at; work.at < end; work.at++) {
      const text = this.#matching.text(batch, work.at);
      results[work.at - first] =
        text === undefined ? undefined : this.#slow.has(text) ? SLOW : { found: this.#matching.match(text) };
    }
  }
}

const SLOW = Symbol("known to be too slow");

interface GuardedWork<R, B> {
  readonly batch: B;
  /** The event that is being matched. */
  at: number;
  /** Of the events before it, from the first of this attempt; undefined for one that was dropped. */
  results: ({ readonly found: R } | typeof SLOW | undefined)[];
  readonly end?: number;
}

export function tooSlow(pattern: RegExp, milliseconds: number): HeadraceError {
  return new HeadraceError("FLUME_REGEX_TOO_SLOW", { pattern: pattern.source, milliseconds });
}
