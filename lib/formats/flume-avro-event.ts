import {
  copyHeaders,
  createEvent,
  type FlumeEvent,
  type Headers,
  type MutableHeaders,
  NO_HEADERS,
} from "../engine/event.js";
import { VarintReader, varintSize, writeVarint } from "./varint.js";

/**
 * An event as Flume's Kafka components write it with `useFlumeEventFormat` and `parseAsFlumeEvent`: the bare Avro
 * binary of `record AvroFlumeEvent { map<string> headers; bytes body }`, without magic or schema. Avro 1.11
 * specification, "Maps" and "Primitive Types"; Flume: `KafkaSink.serializeEvent`.
 */

/** Bytes that `writeFlumeEvent` will write. */
export function flumeEventSize(event: FlumeEvent): number {
  const { body, headers } = event;
  let size = varintSize(body.length) + body.length + 1;
  if (headers === NO_HEADERS) return size;
  let count = 0;
  for (const name in headers) {
    count++;
    size += stringSize(name) + stringSize(headers[name] as string);
  }
  if (count > 0) size += varintSize(count);
  return size;
}

/** Writes an event at `offset`. @returns where the next byte goes */
export function writeFlumeEvent(target: Buffer, event: FlumeEvent, offset: number): number {
  const { body, headers } = event;
  let at = writeHeaders(target, headers, offset);
  at = writeVarint(target, body.length, at);
  target.set(body, at);
  return at + body.length;
}

function writeHeaders(target: Buffer, headers: Headers, offset: number): number {
  let at = offset;
  const count = headers === NO_HEADERS ? 0 : Object.keys(headers).length;
  if (count > 0) {
    at = writeVarint(target, count, at);
    for (const name in headers) at = writeString(target, headers[name] as string, writeString(target, name, at));
  }
  // A block of no entries ends the map.
  target[at++] = 0;
  return at;
}

function stringSize(text: string): number {
  const length = Buffer.byteLength(text);
  return varintSize(length) + length;
}

function writeString(target: Buffer, text: string, offset: number): number {
  const at = writeVarint(target, Buffer.byteLength(text), offset);
  return at + target.write(text, at, "utf8");
}

/**
 * Reads the event that fills the bytes from `start` to `end`; the body shares their memory.
 * Throws RangeError where they are no such event.
 */
export function readFlumeEvent(bytes: Buffer, start = 0, end = bytes.length): FlumeEvent {
  const reader = new VarintReader(bytes, start, end);
  const headers = readHeaders(reader);
  const length = reader.next();
  const from = reader.skip(length);
  if (reader.at !== end) throw new RangeError(`${end - reader.at} bytes follow the event`);
  return createEvent(bytes.subarray(from, from + length), headers);
}

/** Throws RangeError unless the bytes from `start` to `end` are one event. Makes nothing. */
export function checkFlumeEvent(bytes: Buffer, start: number, end: number): void {
  const reader = new VarintReader(bytes, start, end);
  for (let count = blockLength(reader); count > 0; count = blockLength(reader)) {
    for (let i = 0; i < count; i++) {
      reader.skip(reader.next());
      reader.skip(reader.next());
    }
  }
  reader.skip(reader.next());
  if (reader.at !== end) throw new RangeError(`${end - reader.at} bytes follow the event`);
}

function readHeaders(reader: VarintReader): Headers {
  let headers: MutableHeaders | undefined;
  for (let count = blockLength(reader); count > 0; count = blockLength(reader)) {
    headers ??= copyHeaders();
    for (let i = 0; i < count; i++) {
      const name = readString(reader);
      headers[name] = readString(reader);
    }
  }
  return headers ?? NO_HEADERS;
}

/** Entries of the next block of a map; 0 at its end. A negative count is followed by the block's length in bytes. */
function blockLength(reader: VarintReader): number {
  const count = reader.next();
  if (count >= 0) return count;
  reader.next();
  return -count;
}

function readString(reader: VarintReader): string {
  const length = reader.next();
  const from = reader.skip(length);
  return reader.bytes.toString("utf8", from, from + length);
}
