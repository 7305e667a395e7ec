import type { StoredFile } from "./file-system.js";
import type { Range } from "./ranges.js";
import { isMarker, readMendedHeader } from "./header-mending.js";
import {
  HEADER_BYTES,
  MARKER_BYTES,
  payloadIsWhole,
  readRecordHeader,
  RECORD_PUT,
  type RecordHeader,
} from "./record.js";
import { DATA_START, type SegmentHeader } from "./segment.js";

const WINDOW_BYTES = 1024 * 1024;

export interface FoundRecord {
  readonly header: RecordHeader;
  readonly offset: number;
  /** Its memory is used again once `each` has ended. */
  readonly payload: Buffer;
  readonly checksum: number;
}

/** A part of a segment that holds no whole record, though something was written there. */
export interface DamagedPart {
  readonly offset: number;
  readonly length: number;
  /** The events in it, where a header still tells. */
  readonly events: Range | undefined;
  /** The file ends inside it: a write that was never finished, unless the file was cut afterwards. */
  readonly torn: boolean;
}

export interface ScanResult {
  /** Where the last whole record ends. */
  readonly end: number;
  readonly damaged: readonly DamagedPart[];
}

/**
 * Reads a segment's records from `from` on. Damage does not end it: the next record that is whole is looked
 * for by the segment's marker, so one bad sector costs only the transactions that touch it.
 * `trusting`: for tests of the tests only, takes payloads as they are.
 */
export async function scanSegment(
  file: StoredFile,
  header: SegmentHeader,
  from: number,
  each: (record: FoundRecord) => void | Promise<void>,
  trusting = false,
): Promise<ScanResult> {
  const { marker } = header;
  const window = new Window(file, await file.size());
  const damaged: DamagedPart[] = [];
  let at = Math.max(from, DATA_START);
  let end = at;
  for (;;) {
    await window.cover(at, HEADER_BYTES);
    const found = window.header(at, marker);
    if (found) {
      const length = HEADER_BYTES + found.payloadLength;
      if (at + length > window.size) {
        damaged.push({ offset: at, length: window.size - at, events: eventsOf(found), torn: true });
        return { end, damaged };
      }
      await window.cover(at, length);
      const payload = window.bytes(at + HEADER_BYTES, found.payloadLength);
      if (trusting || payloadIsWhole(payload, found)) {
        await each({ header: found, offset: at, payload, checksum: window.bytes(at, HEADER_BYTES).readUInt32LE(8) });
        end = at + length;
      } else damaged.push({ offset: at, length, events: eventsOf(found), torn: false });
      at += length;
      continue;
    }
    const written = await window.hasMarker(at, marker);
    const next = await window.findRecord(at + 1, marker);
    if (next === undefined) {
      const rest = window.size - at;
      // Zeros or what an earlier use of the file left: nothing was written here.
      if (!written || rest <= 0) return { end, damaged };
      const length = Math.max(Math.min(rest, HEADER_BYTES), (await window.lastWritten(at)) - at);
      damaged.push({ offset: at, length, events: undefined, torn: rest < HEADER_BYTES });
      return { end, damaged };
    }
    damaged.push({ offset: at, length: next - at, events: undefined, torn: false });
    at = next;
  }
}

function eventsOf(header: RecordHeader): Range | undefined {
  return header.type === RECORD_PUT ? { from: header.first, to: header.first + header.count } : undefined;
}

/** A part of a file in memory, moved forward. */
class Window {
  readonly #file: StoredFile;
  readonly size: number;
  #start = 0;
  #bytes = Buffer.alloc(0);
  /** Used again for each read: what is shown of it must be used up before the next. */
  #memory = Buffer.alloc(0);

  constructor(file: StoredFile, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** Reads on so that `length` bytes from `at`, or all up to the end of the file, are here. */
  async cover(at: number, length: number): Promise<void> {
    const wanted = Math.min(at + length, this.size);
    if (at >= this.#start && wanted <= this.#start + this.#bytes.length) return;
    const needed = Math.max(0, Math.min(Math.max(length, WINDOW_BYTES), this.size - at));
    if (needed > this.#memory.length) this.#memory = Buffer.allocUnsafeSlow(needed);
    const bytes = this.#memory.subarray(0, needed);
    const read = needed > 0 ? await this.#file.read(bytes, at) : 0;
    this.#start = at;
    this.#bytes = bytes.subarray(0, read);
  }

  bytes(at: number, length: number): Buffer {
    const from = at - this.#start;
    return this.#bytes.subarray(from, from + length);
  }

  /** The header at `at`, which must be covered. */
  header(at: number, marker: Buffer): RecordHeader | undefined {
    return readMendedHeader(this.#bytes, at - this.#start, marker, at);
  }

  /** Whether a record was begun at `at`. */
  async hasMarker(at: number, marker: Buffer): Promise<boolean> {
    await this.cover(at, HEADER_BYTES);
    const bytes = this.bytes(at, MARKER_BYTES);
    if (bytes.length === MARKER_BYTES) return isMarker(bytes, marker);
    return bytes.length > 0 && bytes.equals(marker.subarray(0, bytes.length));
  }

  /** Where the last byte from `from` on that is not zero ends. */
  async lastWritten(from: number): Promise<number> {
    let last = from;
    for (let at = from; at < this.size; at = this.#start + this.#bytes.length) {
      await this.cover(at, WINDOW_BYTES);
      const bytes = this.bytes(at, this.size);
      if (bytes.length === 0) break;
      let end = bytes.length;
      while (end > 0 && bytes[end - 1] === 0) end--;
      if (end > 0) last = at + end;
    }
    return last;
  }

  /** Where the next record with a whole header begins. */
  async findRecord(from: number, marker: Buffer): Promise<number | undefined> {
    let at = from;
    while (at + HEADER_BYTES <= this.size) {
      await this.cover(at, HEADER_BYTES);
      const found = this.#bytes.indexOf(marker, at - this.#start);
      if (found < 0) {
        // The last bytes of this window may be the beginning of a marker.
        const next = this.#start + this.#bytes.length - (MARKER_BYTES - 1);
        at = next > at ? next : at + 1;
        if (this.#start + this.#bytes.length >= this.size) return undefined;
        await this.cover(at, WINDOW_BYTES);
        continue;
      }
      at = this.#start + found;
      await this.cover(at, HEADER_BYTES);
      if (readRecordHeader(this.#bytes, at - this.#start, marker, at)) return at;
      at++;
    }
    return undefined;
  }
}
