import type { InterceptedBatch } from "./intercepted-batch.js";
import type { Interceptor } from "./interceptor.js";
import { setHeader } from "./set-header.js";

/** Sets a header to a fixed text. */
export class StaticInterceptor implements Interceptor {
  readonly #key: string;
  readonly #value: string;
  readonly #preserve: boolean;

  constructor(rule: { key: string; value: string; preserveExisting: boolean }) {
    this.#key = rule.key;
    this.#value = rule.value;
    this.#preserve = rule.preserveExisting;
  }

  intercept(batch: InterceptedBatch): void {
    setHeader(batch, this.#key, this.#value, this.#preserve);
  }
}
