import { batchOf, type EventBatch } from "../../../lib/engine/batch.js";
import { createEvent, type FlumeEvent } from "../../../lib/engine/event.js";

/** One event for each number from `first` on, its body the decimal text. All bodies share one allocation. */
export function counterBatch(first: number, length: number): EventBatch {
  const texts: string[] = new Array(length);
  for (let i = 0; i < length; i++) texts[i] = String(first + i);
  const joined = texts.join("");
  // Not from the pool: a channel would copy a small view of that, to let go of the rest.
  const memory = Buffer.allocUnsafeSlow(joined.length);
  memory.write(joined, "latin1");
  const events: FlumeEvent[] = new Array(length);
  let offset = 0;
  for (let i = 0; i < length; i++) {
    const end = offset + (texts[i] as string).length;
    events[i] = createEvent(memory.subarray(offset, end));
    offset = end;
  }
  return batchOf(events);
}
