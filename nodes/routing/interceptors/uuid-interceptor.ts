import type { InterceptedBatch } from "./intercepted-batch.js";
import type { Interceptor } from "./interceptor.js";
import { flatRandomUuid } from "./random-uuid.js";

/** Sets a header to a random UUID behind a prefix, another one for each event. */
export class UuidInterceptor implements Interceptor {
  readonly #header: string;
  readonly #preserve: boolean;
  readonly #prefix: string;

  constructor(rule: { headerName: string; preserveExisting: boolean; prefix: string }) {
    this.#header = rule.headerName;
    this.#preserve = rule.preserveExisting;
    this.#prefix = rule.prefix;
  }

  intercept(batch: InterceptedBatch): void {
    for (let i = 0; i < batch.length; i++) {
      const event = batch.at(i);
      if (event === undefined || (this.#preserve && event.headers[this.#header] !== undefined)) continue;
      batch.headers(i)[this.#header] = this.#prefix + flatRandomUuid();
    }
  }
}
