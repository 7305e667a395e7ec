import { HeadraceError, reasonOf } from "../../../lib/engine/errors.js";
import { BoundedMatching, type Matching } from "../../../lib/engine/matching/bounded-matching.js";
import { compilePattern } from "../../../lib/engine/pattern.js";
import { type GroupSerializer, parseSerializers } from "./group-serializers.js";
import type { InterceptedBatch } from "./intercepted-batch.js";
import type { Interceptor } from "./interceptor.js";

/** Puts what the groups of the first match in the body (as UTF-8) have found into headers. */
export class RegexExtractor implements Interceptor, Matching<RegExpExecArray | null, InterceptedBatch> {
  readonly #pattern: RegExp;
  readonly #serializers: readonly GroupSerializer[];
  readonly #number: number;
  readonly #matching: BoundedMatching<RegExpExecArray | null, InterceptedBatch>;

  /** @throws HeadraceError when `serializers` is malformed. */
  constructor(rule: { regex: string; serializers: string }, number: number) {
    this.#pattern = compilePattern(rule.regex);
    this.#serializers = parseSerializers(rule.serializers);
    this.#number = number;
    this.#matching = new BoundedMatching(this.#pattern, this);
  }

  intercept(batch: InterceptedBatch): void | Promise<void> {
    return this.#matching.run(batch);
  }

  text(batch: InterceptedBatch, index: number): string | undefined {
    return batch.text(index);
  }

  match(text: string): RegExpExecArray | null {
    return this.#pattern.exec(text);
  }

  apply(batch: InterceptedBatch, index: number, found: RegExpExecArray | null): void {
    if (found === null) return;
    try {
      const headers = batch.headers(index);
      for (let i = 0; i < this.#serializers.length; i++) {
        const group = found[i + 1];
        const serializer = this.#serializers[i] as GroupSerializer;
        // Flume sets a group that took no part in the match to null, which later fails in many a sink.
        if (group !== undefined) headers[serializer.name] = serializer.serialize(group);
      }
    } catch (error) {
      const parameters = { number: this.#number, kind: "regex_extractor", reason: reasonOf(error) };
      batch.refuse(index, new HeadraceError("FLUME_INTERCEPTOR_FAILED", parameters, error));
    }
  }
}
