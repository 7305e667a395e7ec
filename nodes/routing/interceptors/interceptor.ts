import type { InterceptedBatch } from "./intercepted-batch.js";

/** One step of the chain. Events that it cannot handle are refused one by one; the others go on. */
export interface Interceptor {
  /** Returns a promise only where the work has to be spread over several turns of the event loop. */
  intercept(batch: InterceptedBatch): void | Promise<void>;
}
