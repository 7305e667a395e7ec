import {
  HEADER_BYTES,
  MARKER_BYTES,
  markerAt,
  readRecordHeader,
  readUnmarkedHeader,
  type RecordHeader,
} from "./record.js";

/** So many flipped bits may a marker have and still be this segment's: two random ones differ in about 32. */
const MOST_MARKER_FLIPS = 4;

/** The header at `at`; one flipped bit in it, or a few in its marker, are mended. */
export function readMendedHeader(from: Buffer, at: number, marker: Buffer, offset: number): RecordHeader | undefined {
  const whole = readRecordHeader(from, at, marker, offset);
  if (whole) return whole;
  const bytes = from.subarray(at, at + HEADER_BYTES);
  if (bytes.length < HEADER_BYTES) return undefined;
  if (markerAt(bytes, 0, marker)) return mendHeader(bytes, offset);
  return isMarker(bytes, marker) ? readUnmarkedHeader(bytes, 0, offset) : undefined;
}

/** Whether `bytes` begin with the marker, or with what may have been it. */
export function isMarker(bytes: Buffer, marker: Buffer): boolean {
  let bits = 0;
  for (let i = 0; i < MARKER_BYTES; i++) {
    for (let different = (bytes[i] as number) ^ (marker[i] as number); different > 0; different &= different - 1)
      bits++;
  }
  return bits <= MOST_MARKER_FLIPS;
}

/** A checksum of 32 bits over 36 bytes tells which single bit is wrong. */
function mendHeader(bytes: Buffer, offset: number): RecordHeader | undefined {
  const copy = Buffer.from(bytes);
  for (let i = MARKER_BYTES; i < HEADER_BYTES; i++) {
    for (let bit = 1; bit < 256; bit <<= 1) {
      copy[i] = (bytes[i] as number) ^ bit;
      const header = readUnmarkedHeader(copy, 0, offset);
      if (header) return header;
    }
    copy[i] = bytes[i] as number;
  }
  return undefined;
}
