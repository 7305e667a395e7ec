import { BoundedMatching, type Matching } from "../../../lib/engine/matching/bounded-matching.js";
import { compilePattern } from "../../../lib/engine/pattern.js";
import type { InterceptedBatch } from "./intercepted-batch.js";
import type { Interceptor } from "./interceptor.js";

/** Lets only events pass whose body (as UTF-8) has a match, or only those without one. */
export class RegexFilter implements Interceptor, Matching<boolean, InterceptedBatch> {
  readonly #pattern: RegExp;
  readonly #exclude: boolean;
  readonly #matching: BoundedMatching<boolean, InterceptedBatch>;

  constructor(rule: { regex: string; excludeEvents: boolean }) {
    this.#pattern = compilePattern(rule.regex);
    this.#exclude = rule.excludeEvents;
    this.#matching = new BoundedMatching(this.#pattern, this);
  }

  intercept(batch: InterceptedBatch): void | Promise<void> {
    return this.#matching.run(batch);
  }

  text(batch: InterceptedBatch, index: number): string | undefined {
    return batch.text(index);
  }

  match(text: string): boolean {
    return this.#pattern.test(text);
  }

  apply(batch: InterceptedBatch, index: number, found: boolean): void {
    if (found === this.#exclude) batch.drop(index);
  }
}
