import { batchOf, type EventBatch } from "../../lib/engine/batch.js";
import { createEvent } from "../../lib/engine/event.js";

/** One event for each text. */
export function textBatch(...texts: string[]): EventBatch {
  return batchOf(texts.map((text) => createEvent(Buffer.from(text))));
}

/** Events with the bodies `<first>`, `<first + 1>` … */
export function numberBatch(first: number, length: number): EventBatch {
  return textBatch(...Array.from({ length }, (_, i) => String(first + i)));
}

export function bodiesOf(batches: Iterable<EventBatch>): string[] {
  const bodies: string[] = [];
  for (const batch of batches) for (const event of batch) bodies.push(event.body.toString());
  return bodies;
}
