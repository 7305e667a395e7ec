import { BoundedMatching, type Matching } from "../../../lib/engine/matching/bounded-matching.js";
import { compilePattern } from "../../../lib/engine/pattern.js";
import type { InterceptedBatch } from "./intercepted-batch.js";
import type { Interceptor } from "./interceptor.js";
import { replacementOf } from "./java-replacement.js";
import { type TextCodec, textCodec } from "./text-codec.js";

/** Replaces every match in the body. */
export class SearchReplace implements Interceptor, Matching<string | undefined, InterceptedBatch> {
  readonly #pattern: RegExp;
  readonly #replacement: string;
  /** Undefined for UTF-8, which the whole chain shares. */
  readonly #codec: TextCodec | undefined;
  readonly #matching: BoundedMatching<string | undefined, InterceptedBatch>;

  /** @throws Error when the replacement names a group that the pattern lacks, or the charset is not known. */
  constructor(rule: { searchPattern: string; replaceString: string; charset: string }) {
    this.#pattern = compilePattern(rule.searchPattern, "g");
    this.#replacement = replacementOf(rule.replaceString, this.#pattern);
    this.#codec = textCodec(rule.charset);
    this.#matching = new BoundedMatching(this.#pattern, this);
  }

  intercept(batch: InterceptedBatch): void | Promise<void> {
    return this.#matching.run(batch);
  }

  text(batch: InterceptedBatch, index: number): string | undefined {
    if (!this.#codec) return batch.text(index);
    const event = batch.at(index);
    return event && this.#codec.decode(event.body);
  }

  /** Undefined where nothing matches: the body then stays as it is, to the byte. */
  match(text: string): string | undefined {
    const replaced = text.replace(this.#pattern, this.#replacement);
    return replaced === text ? undefined : replaced;
  }

  apply(batch: InterceptedBatch, index: number, replaced: string | undefined): void {
    if (replaced === undefined) return;
    if (this.#codec) batch.setBody(index, this.#codec.encode(replaced));
    else batch.setText(index, replaced);
  }
}
