import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { cipherFor, KEY_CHECK_BYTES, keyCheck, type KeyRing, type RecordCipher } from "./encryption.js";
import type { StoredFile } from "./file-system.js";
import { MARKER_BYTES, readNumber, writeNumber } from "./record.js";

/** Records begin here: a page of their own for the header, so that appending never touches it. */
export const DATA_START = 4096;
/** The header stands twice, in two sectors: a damaged one does not make a segment unreadable. */
const HEADER_COPIES = [0, 2048];
const HEADER_BYTES = 512;
const MAGIC = Buffer.from("HEADRLOG");
export const FORMAT_VERSION = 1;
const CHECKED_FROM = 16;
export const SALT_BYTES = 16;
/** Of a key, in UTF-8. */
export const MOST_KEY_NAME_BYTES = 200;

export interface SegmentHeader {
  readonly id: number;
  /** Begins each record of this segment and of no other: what an earlier use of the file left is not read as new. */
  readonly marker: Buffer;
  /** Every event below is settled. */
  readonly watermark: number;
  /** No event put so far has this number or a higher one. */
  readonly nextEvent: number;
  /** Name of the key that payloads are encrypted with; empty: they are not. */
  readonly keyName: string;
  readonly salt: Buffer;
  readonly keyCheck: Buffer;
}

export function newSegmentHeader(
  given: Pick<SegmentHeader, "id" | "watermark" | "nextEvent">,
  ring: KeyRing | undefined,
): SegmentHeader {
  const salt = randomBytes(SALT_BYTES);
  const key = ring?.keys.get(ring.active);
  return {
    ...given,
    marker: randomBytes(MARKER_BYTES),
    salt,
    keyName: key && ring ? ring.active : "",
    keyCheck: key ? keyCheck(key, salt) : Buffer.alloc(KEY_CHECK_BYTES),
  };
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const page = Buffer.alloc(DATA_START);
  for (const at of HEADER_COPIES) {
    const copy = page.subarray(at, at + HEADER_BYTES);
    MAGIC.copy(copy);
    copy.writeUInt32LE(FORMAT_VERSION, 8);
    writeNumber(copy, header.id, 16);
    header.marker.copy(copy, 24);
    writeNumber(copy, header.watermark, 32);
    writeNumber(copy, header.nextEvent, 40);
    header.salt.copy(copy, 48);
    header.keyCheck.copy(copy, 64);
    copy.writeUInt16LE(Buffer.byteLength(header.keyName), 72);
    copy.write(header.keyName, 74);
    copy.writeUInt32LE(checksumOf(copy), 12);
  }
  return page;
}

/** Of the version, and of everything behind the checksum: the same in every version, so that one can be told from damage. */
function checksumOf(copy: Buffer): number {
  return crc32(copy.subarray(CHECKED_FROM), crc32(copy.subarray(MAGIC.length, MAGIC.length + 4)));
}

/** What the first page of a file says, or why it is no segment. */
export function decodeSegmentHeader(page: Buffer): SegmentHeader | { readonly version: number } | undefined {
  for (const at of HEADER_COPIES) {
    const copy = page.subarray(at, at + HEADER_BYTES);
    if (copy.length < HEADER_BYTES || !copy.subarray(0, MAGIC.length).equals(MAGIC)) continue;
    const version = copy.readUInt32LE(8);
    if (checksumOf(copy) !== copy.readUInt32LE(12)) continue;
    if (version > FORMAT_VERSION) return { version };
    return {
      id: readNumber(copy, 16),
      marker: Buffer.from(copy.subarray(24, 24 + MARKER_BYTES)),
      watermark: readNumber(copy, 32),
      nextEvent: readNumber(copy, 40),
      salt: Buffer.from(copy.subarray(48, 48 + SALT_BYTES)),
      keyCheck: Buffer.from(copy.subarray(64, 64 + KEY_CHECK_BYTES)),
      keyName: copy.toString("utf8", 74, 74 + copy.readUInt16LE(72)),
    };
  }
  return undefined;
}

const SEGMENT_NAME = /^log-(\d{12})\.seg$/;
const SPARE_NAME = /^spare-\d{12}\.seg$/;

export function segmentName(id: number): string {
  return `log-${String(id).padStart(12, "0")}.seg`;
}

/** The id in a segment's file name, or undefined for any other file. */
export function segmentId(name: string): number | undefined {
  const match = SEGMENT_NAME.exec(name);
  return match ? Number(match[1]) : undefined;
}

export function spareName(id: number): string {
  return `spare-${String(id).padStart(12, "0")}.seg`;
}

export function isSpareName(name: string): boolean {
  return SPARE_NAME.test(name);
}

/** Where a record begins, and the checksum of its header. */
export interface RecordPlace {
  readonly offset: number;
  readonly checksum: number;
}

/** One file of the log. Written from front to back, once; read from anywhere. */
export class Segment {
  readonly id: number;
  readonly directory: string;
  readonly header: SegmentHeader;
  readonly #ring: KeyRing | undefined;
  #cipher: { readonly is: RecordCipher | undefined } | undefined;
  /** Open while records are appended. */
  file: StoredFile | undefined;
  /** Of the file, as allocated. */
  size: number;
  /** Where the next record goes. */
  tail = DATA_START;
  /** All before it is on the disk, and known to the queue. */
  published = DATA_START;
  /** One past the highest number of an event put into it. */
  endEvent = 0;
  /** The last record before `published`: a checkpoint names it, to be recognised as belonging to this very log. */
  last: RecordPlace | undefined;
  /** A write or sync failed: nothing behind `published` may be trusted, nothing more is appended. */
  suspect = false;

  constructor(directory: string, header: SegmentHeader, size: number, ring: KeyRing | undefined) {
    this.id = header.id;
    this.directory = directory;
    this.header = header;
    this.size = size;
    this.#ring = ring;
  }

  /** @throws when it is encrypted with a key that was not given; looking at its records needs none. */
  get cipher(): RecordCipher | undefined {
    this.#cipher ??= { is: cipherFor(this.header, this.#ring) };
    return this.#cipher.is;
  }

  get path(): string {
    return join(this.directory, segmentName(this.id));
  }

  get room(): number {
    return this.size - this.tail;
  }
}
