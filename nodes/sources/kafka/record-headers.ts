import { copyHeaders, createEvent, type Headers, type MutableHeaders } from "../../../lib/engine/event.js";
import { checkFlumeEvent, readFlumeEvent } from "../../../lib/formats/flume-avro-event.js";
import type { PolledPiece } from "../../../lib/protocols/kafka/port.js";
import type { RecordForm } from "../../../lib/protocols/kafka/record-events.js";
import type { FetchedRecords } from "../../../lib/protocols/kafka/records/fetched-records.js";
import type { KafkaSourceSettings } from "./component.js";

const EMPTY = Buffer.alloc(0);
/** Names of the headers timestamp, partition and offset with values of usual length. */
const USUAL_HEADER_BYTES = 9 + 13 + 9 + 1 + 6 + 8;
/** Tells why a record came as it was. */
export const MALFORMED_HEADER = "flume.malformed";

type Wanted = Pick<
  KafkaSourceSettings,
  "useFlumeEventFormat" | "malformed" | "setTopicHeader" | "topicHeader" | "headers"
>;

/** Headers as Flume's source sets them: what the event already has stays, but for the key and the mapped ones. */
export function sourceForm(settings: Wanted): RecordForm {
  const { setTopicHeader, topicHeader, headers: mapped, useFlumeEventFormat } = settings;
  return {
    event(records, index, piece) {
      const inner = useFlumeEventFormat ? innerEvent(records, index) : undefined;
      const headers = copyHeaders(inner?.headers);
      const timestamp = records.timestamp(index);
      if (!("timestamp" in headers) && timestamp !== undefined) headers["timestamp"] = String(timestamp);
      if (mapped.length > 0) addMapped(headers, mapped, records, index);
      if (setTopicHeader && !(topicHeader in headers)) headers[topicHeader] = piece.topic;
      if (!("partition" in headers)) headers["partition"] = String(piece.partition);
      if (!("offset" in headers)) headers["offset"] = String(records.offset(index));
      const key = records.key(index);
      if (key) headers["key"] = key.toString();
      return createEvent(inner ? inner.body : (records.value(index) ?? EMPTY), headers);
    },
    headerBytes: ({ topic }) => USUAL_HEADER_BYTES + (setTopicHeader ? topicHeader.length + topic.length : 0),
  };
}

/** Why a record is no event in Flume's format, or undefined. */
export function malformation(records: FetchedRecords, index: number): string | undefined {
  const value = records.value(index);
  if (!value) return "the record has no value";
  try {
    checkFlumeEvent(value, 0, value.length);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The first record of a piece that is no event in Flume's format, or -1. */
export function firstMalformed({ records }: PolledPiece): number {
  for (let i = 0; i < records.length; i++) if (malformation(records, i) !== undefined) return i;
  return -1;
}

function innerEvent(records: FetchedRecords, index: number): { headers: Headers; body: Buffer } {
  const value = records.value(index) ?? EMPTY;
  try {
    return readFlumeEvent(value);
  } catch (error) {
    // Only where the user wants such records as they are: others have been checked before.
    const headers = copyHeaders();
    headers[MALFORMED_HEADER] = error instanceof Error ? error.message : String(error);
    return createEvent(value, headers);
  }
}

function addMapped(headers: MutableHeaders, mapped: Wanted["headers"], records: FetchedRecords, index: number): void {
  records.headers(index, (name, value) => {
    // Of several with one name the last one counts.
    for (const { flumeHeader, kafkaHeader } of mapped) if (kafkaHeader === name) headers[flumeHeader] = value;
  });
}
