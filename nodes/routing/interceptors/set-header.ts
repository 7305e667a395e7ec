import type { InterceptedBatch } from "./intercepted-batch.js";

/** Gives the header to all events of the batch; to those that have it already only if not `preserve`. */
export function setHeader(batch: InterceptedBatch, name: string, value: string, preserve: boolean): void {
  for (let i = 0; i < batch.length; i++) {
    const event = batch.at(i);
    if (event === undefined || (preserve && event.headers[name] !== undefined)) continue;
    batch.headers(i)[name] = value;
  }
}
