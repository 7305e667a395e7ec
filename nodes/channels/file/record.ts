import { crc32 } from "node:zlib";

/**
 * One transaction in a segment: a header with a checksum of its own, so that a damaged body still tells
 * how long it is and how many events it held, and a payload with another. docs/file-channel-format.md
 * draws it.
 */
export interface RecordHeader {
  readonly type: RecordType;
  readonly payloadLength: number;
  readonly payloadChecksum: number;
  /** Put: number of its first event. Take: every event below this number is settled. */
  readonly first: number;
  /** Put: events. Take: ranges. */
  readonly count: number;
  /** Put: bodies and headers, as limits count them. */
  readonly eventBytes: number;
  /** Put: bytes of the headers' part of the payload. */
  readonly headersLength: number;
}

export const RECORD_PUT = 1;
export const RECORD_TAKE = 2;
export type RecordType = typeof RECORD_PUT | typeof RECORD_TAKE;

export const HEADER_BYTES = 48;
/** The marker and the header's checksum, which the checksum does not cover. */
const UNCHECKED_BYTES = 12;
export const MARKER_BYTES = 8;

/** Writes the header at `at`; its payload must be in place behind it. `offset`: where in the segment the record will stand. */
export function writeRecordHeader(
  into: Buffer,
  at: number,
  marker: Buffer,
  offset: number,
  header: Omit<RecordHeader, "payloadChecksum">,
): void {
  const end = at + HEADER_BYTES;
  marker.copy(into, at);
  into.writeUInt32LE(header.type, at + 12);
  into.writeUInt32LE(header.payloadLength, at + 16);
  into.writeUInt32LE(crc32(into.subarray(end, end + header.payloadLength)), at + 20);
  writeNumber(into, header.first, at + 24);
  into.writeUInt32LE(header.count, at + 32);
  into.writeUInt32LE(offset, at + 36);
  into.writeUInt32LE(header.eventBytes, at + 40);
  into.writeUInt32LE(header.headersLength, at + 44);
  into.writeUInt32LE(crc32(into.subarray(at + UNCHECKED_BYTES, end)), at + 8);
}

/**
 * The header at `at`, or undefined when there is none that is whole. A record copied to another place, or
 * left by an earlier use of the file, is none: offset and marker are part of it.
 */
export function readRecordHeader(from: Buffer, at: number, marker: Buffer, offset: number): RecordHeader | undefined {
  if (at + HEADER_BYTES > from.length || !markerAt(from, at, marker)) return undefined;
  return readUnmarkedHeader(from, at, offset);
}

/** As `readRecordHeader`, whatever stands in the marker's place: tells a damaged marker from no record. */
export function readUnmarkedHeader(from: Buffer, at: number, offset: number): RecordHeader | undefined {
  const end = at + HEADER_BYTES;
  if (end > from.length || from.readUInt32LE(at + 36) !== offset) return undefined;
  const type = from.readUInt32LE(at + 12);
  if (type !== RECORD_PUT && type !== RECORD_TAKE) return undefined;
  if (from.readUInt32LE(at + 8) !== crc32(from.subarray(at + UNCHECKED_BYTES, end))) return undefined;
  return {
    type,
    payloadLength: from.readUInt32LE(at + 16),
    payloadChecksum: from.readUInt32LE(at + 20),
    first: readNumber(from, at + 24),
    count: from.readUInt32LE(at + 32),
    eventBytes: from.readUInt32LE(at + 40),
    headersLength: from.readUInt32LE(at + 44),
  };
}

export function markerAt(from: Buffer, at: number, marker: Buffer): boolean {
  return from.compare(marker, 0, MARKER_BYTES, at, at + MARKER_BYTES) === 0;
}

export function payloadIsWhole(payload: Buffer, header: RecordHeader): boolean {
  return payload.length === header.payloadLength && crc32(payload) === header.payloadChecksum;
}

/** Event numbers stay below 2^53: three centuries at a million a second. */
export function writeNumber(into: Buffer, value: number, at: number): void {
  into.writeUInt32LE(value % 0x1_0000_0000, at);
  into.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

export function readNumber(from: Buffer, at: number): number {
  return from.readUInt32LE(at) + from.readUInt32LE(at + 4) * 0x1_0000_0000;
}
