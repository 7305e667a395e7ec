import type { InterceptedBatch } from "./intercepted-batch.js";
import type { Interceptor } from "./interceptor.js";
import { setHeader } from "./set-header.js";

/** Sets a header to the time now: milliseconds since 1970, as text. All events of a batch get the same. */
export class TimestampInterceptor implements Interceptor {
  readonly #header: string;
  readonly #preserve: boolean;

  constructor(rule: { headerName: string; preserveExisting: boolean }) {
    this.#header = rule.headerName;
    this.#preserve = rule.preserveExisting;
  }

  intercept(batch: InterceptedBatch): void {
    setHeader(batch, this.#header, String(Date.now()), this.#preserve);
  }
}
