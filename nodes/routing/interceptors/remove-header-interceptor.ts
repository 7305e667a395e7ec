import { asDeliveryError, HeadraceError } from "../../../lib/engine/errors.js";
import { tooSlow } from "../../../lib/engine/matching/bounded-matching.js";
import { backtracking } from "../../../lib/engine/matching/pattern-risk.js";
import { endsWithin } from "../../../lib/engine/matching/time-limit.js";
import { compilePattern, compileWholePattern } from "../../../lib/engine/pattern.js";
import type { InterceptedBatch } from "./intercepted-batch.js";
import type { Interceptor } from "./interceptor.js";

/** Remembers this many header names; a flood of different ones must not fill the memory. */
const KNOWN_NAMES = 1000;
/** Milliseconds that the pattern may take for one name. */
const NAME_LIMIT = 20;

/** Removes headers by name, by a list of names, and by a pattern that the whole name must match. */
export class RemoveHeaderInterceptor implements Interceptor {
  readonly #names: ReadonlySet<string>;
  readonly #pattern: RegExp | undefined;
  readonly #guarded: boolean;
  /** Events bear the same few names over and over, so each is put to the pattern once. */
  readonly #known = new Map<string, boolean>();

  constructor(rule: { withName: string; fromList: string; fromListSeparator: string; matching: string }) {
    if (rule.withName === "" && rule.fromList === "" && rule.matching === "") {
      throw new HeadraceError("FLUME_CONFIG_REQUIRED", { field: "withName, fromList or matching" });
    }
    const list = rule.fromList === "" ? [] : rule.fromList.split(compilePattern(rule.fromListSeparator));
    this.#names = new Set([rule.withName, ...list].filter((name) => name !== ""));
    this.#pattern = rule.matching === "" ? undefined : compileWholePattern(rule.matching);
    this.#guarded = this.#pattern !== undefined && backtracking(this.#pattern).power > 1;
  }

  intercept(batch: InterceptedBatch): void {
    for (let i = 0; i < batch.length; i++) {
      const event = batch.at(i);
      if (event === undefined) continue;
      try {
        for (const name in event.headers) if (this.#removes(name)) delete batch.headers(i)[name];
      } catch (error) {
        batch.refuse(i, asDeliveryError(error));
      }
    }
  }

  #removes(name: string): boolean {
    if (this.#names.has(name)) return true;
    if (!this.#pattern) return false;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const removes = this.#matches(this.#pattern, name);
    if (this.#known.size < KNOWN_NAMES) this.#known.set(name, removes);
    return removes;
  }

  #matches(pattern: RegExp, name: string): boolean {
    if (!this.#guarded) return pattern.test(name);
    let matches = false;
    const ended = endsWithin(NAME_LIMIT, () => {
      matches = pattern.test(name);
    });
    if (!ended) throw tooSlow(pattern, NAME_LIMIT);
    return matches;
  }
}
