import type { FlumeEvent } from "../../engine/event.js";
import { flumeEventSize, writeFlumeEvent } from "../../formats/flume-avro-event.js";
import type { ValueForm } from "./records/record-batch-writer.js";

/** The header that is a record's key. */
export const KEY_HEADER = "key";

/** What a record takes besides key and value, generously; in bytes. */
export const RECORD_OVERHEAD = 128;

/** The whole event as Avro: Flume's own format. */
export const FLUME_EVENT_VALUE: ValueForm = { size: flumeEventSize, write: writeFlumeEvent };

export function keyOf({ headers }: FlumeEvent): Buffer | undefined {
  const key = headers[KEY_HEADER];
  return key === undefined ? undefined : Buffer.from(key);
}
