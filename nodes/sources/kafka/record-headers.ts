import { copyHeaders, createEvent, type MutableHeaders } from "../../../lib/engine/event.js";
import { KEY_HEADER } from "../../../lib/protocols/kafka/event-parts.js";
import { flumeEventIn } from "../../../lib/protocols/kafka/malformed-records.js";
import type { RecordForm } from "../../../lib/protocols/kafka/record-events.js";
import type { FetchedRecords } from "../../../lib/protocols/kafka/records/fetched-records.js";
import type { KafkaSourceSettings } from "./component.js";

const EMPTY = Buffer.alloc(0);
/** Names of the headers timestamp, partition and offset with values of usual length. */
const USUAL_HEADER_BYTES = 9 + 13 + 9 + 1 + 6 + 8;

type Wanted = Pick<KafkaSourceSettings, "useFlumeEventFormat" | "setTopicHeader" | "topicHeader" | "headers">;

/** Headers as Flume's source sets them: what the event already has stays, but for the key and the mapped ones. */
export function sourceForm(settings: Wanted): RecordForm {
  const { setTopicHeader, topicHeader, headers: mapped, useFlumeEventFormat } = settings;
  return {
    event(records, index, piece) {
      const inner = useFlumeEventFormat ? flumeEventIn(records, index) : undefined;
      const headers = copyHeaders(inner?.headers);
      const timestamp = records.timestamp(index);
      if (!("timestamp" in headers) && timestamp !== undefined) headers["timestamp"] = String(timestamp);
      if (mapped.length > 0) addMapped(headers, mapped, records, index);
      if (setTopicHeader && !(topicHeader in headers)) headers[topicHeader] = piece.topic;
      if (!("partition" in headers)) headers["partition"] = String(piece.partition);
      if (!("offset" in headers)) headers["offset"] = String(records.offset(index));
      const key = records.key(index);
      if (key) headers[KEY_HEADER] = key.toString();
      return createEvent(inner ? inner.body : (records.value(index) ?? EMPTY), headers);
    },
    headerBytes: ({ topic }) => USUAL_HEADER_BYTES + (setTopicHeader ? topicHeader.length + topic.length : 0),
  };
}

function addMapped(headers: MutableHeaders, mapped: Wanted["headers"], records: FetchedRecords, index: number): void {
  records.headers(index, (name, value) => {
    // Of several with one name the last one counts.
    for (const { flumeHeader, kafkaHeader } of mapped) if (kafkaHeader === name) headers[flumeHeader] = value;
  });
}
