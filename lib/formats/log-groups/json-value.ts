import { isUtf8 } from "node:buffer";

/** How each byte of a JSON text is written: 0 as it is, 1 as \u00XX, else behind a backslash as this letter. */
const ESCAPES = new Uint8Array(256);
ESCAPES.fill(1, 0, 0x20);
for (const [byte, letter] of Object.entries({ 8: "b", 9: "t", 10: "n", 12: "f", 13: "r", 34: '"', 92: "\\" })) {
  ESCAPES[Number(byte)] = letter.charCodeAt(0);
}
const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const HEX = Buffer.from("0123456789abcdef");

/** Bytes that one byte of a text can become in JSON, at most. */
export const MOST_ESCAPED = 6;

/**
 * Writes text as a JSON string with its quotes, byte by byte as JSON.stringify would; what is not UTF-8 is replaced by
 * U+FFFD, as Buffer.toString does. `target` has room. @returns where the next byte goes
 */
export function writeJsonString(source: Buffer, from: number, to: number, target: Buffer, start: number): number {
  let at = start;
  let seen = 0;
  target[at++] = QUOTE;
  for (let i = from; i < to; i++) {
    const byte = source[i] as number;
    seen |= byte;
    const escape = ESCAPES[byte] as number;
    if (escape === 0) target[at++] = byte;
    else {
      target[at++] = BACKSLASH;
      if (escape !== 1) target[at++] = escape;
      else at = writeHex(target, at, byte);
    }
  }
  target[at++] = QUOTE;
  if (seen < 128 || isUtf8(source.subarray(from, to))) return at;
  return start + target.write(JSON.stringify(source.toString("utf8", from, to)), start);
}

function writeHex(target: Buffer, start: number, byte: number): number {
  let at = start;
  target[at++] = 0x75;
  target[at++] = 0x30;
  target[at++] = 0x30;
  target[at++] = HEX[byte >> 4] as number;
  target[at++] = HEX[byte & 15] as number;
  return at;
}

/** The most that `writeJsonString` writes, closer than by length alone. */
export function jsonStringRoom(source: Buffer, from: number, to: number): number {
  let room = 2;
  for (let i = from; i < to; i++) {
    const byte = source[i] as number;
    const escape = ESCAPES[byte] as number;
    // One that is not UTF-8 becomes the three bytes of U+FFFD.
    room += escape === 0 ? (byte < 128 ? 1 : 3) : escape === 1 ? MOST_ESCAPED : 2;
  }
  return room;
}
