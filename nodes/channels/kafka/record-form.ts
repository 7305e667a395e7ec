import { copyHeaders, createEvent } from "../../../lib/engine/event.js";
import { KEY_HEADER } from "../../../lib/protocols/kafka/event-parts.js";
import { flumeEventIn } from "../../../lib/protocols/kafka/malformed-records.js";
import type { RecordForm } from "../../../lib/protocols/kafka/record-events.js";

const EMPTY = Buffer.alloc(0);

/** Only the key is a header. */
export const RAW_FORM: RecordForm = {
  event(records, index) {
    const key = records.key(index);
    const body = records.value(index) ?? EMPTY;
    if (!key) return createEvent(body);
    const headers = copyHeaders();
    headers[KEY_HEADER] = key.toString();
    return createEvent(body, headers);
  },
  headerBytes: () => 0,
};

export const FLUME_EVENT_FORM: RecordForm = {
  event(records, index) {
    const event = flumeEventIn(records, index);
    const key = records.key(index);
    if (!key) return event;
    const headers = copyHeaders(event.headers);
    headers[KEY_HEADER] = key.toString();
    return createEvent(event.body, headers);
  },
  headerBytes: () => 0,
};
