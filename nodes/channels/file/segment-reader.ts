import type { EventBatch } from "../../../lib/engine/batch.js";
import type { RecordCipher } from "./encryption.js";
import type { Entry } from "./entry-queue.js";
import { readEvents } from "./event-codec.js";
import type { FileSystem, StoredFile } from "./file-system.js";
import { readMendedHeader } from "./header-mending.js";
import { HEADER_BYTES, payloadIsWhole, RECORD_PUT } from "./record.js";
import type { Segment } from "./segment.js";

/** Reads events back, one segment open at a time. */
export class SegmentReader {
  readonly #fileSystem: FileSystem;
  readonly #find: (id: number) => Segment | undefined;
  readonly #trusting: boolean;
  #open: { readonly path: string; readonly file: StoredFile } | undefined;
  #reading: Promise<unknown> = Promise.resolve();

  /** `trusting`: for tests of the tests only, takes payloads as they are. */
  constructor(fileSystem: FileSystem, find: (id: number) => Segment | undefined, trusting = false) {
    this.#fileSystem = fileSystem;
    this.#find = find;
    this.#trusting = trusting;
  }

  /** The events of entries that follow each other in one segment; undefined for each that is damaged. One call at a time. */
  read(entries: readonly Entry[]): Promise<(EventBatch | undefined)[]> {
    const reading = this.#read(entries);
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  /** Waits for the read that is under way. */
  async close(): Promise<void> {
    await this.#reading;
    await this.#closeFile();
  }

  async #read(entries: readonly Entry[]): Promise<(EventBatch | undefined)[]> {
    const [first] = entries;
    const last = entries.at(-1);
    if (!first || !last) return [];
    const segment = this.#find(first.segment);
    if (!segment) return entries.map(() => undefined);
    const file = await this.#fileOf(segment);
    const bytes = Buffer.allocUnsafeSlow(last.offset + last.length - first.offset);
    const read = await file.read(bytes, first.offset);
    const there = bytes.subarray(0, read);
    return entries.map((entry) => this.#decode(there, entry, entry.offset - first.offset, segment));
  }

  async #closeFile(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close().catch(() => undefined);
  }

  async #fileOf(segment: Segment): Promise<StoredFile> {
    if (this.#open?.path === segment.path) return this.#open.file;
    await this.#closeFile();
    const file = await this.#fileSystem.open(segment.path, "read");
    this.#open = { path: segment.path, file };
    return file;
  }

  #decode(bytes: Buffer, entry: Entry, at: number, segment: Segment): EventBatch | undefined {
    const header = readMendedHeader(bytes, at, segment.header.marker, entry.offset);
    const payloadAt = at + HEADER_BYTES;
    const payload = bytes.subarray(payloadAt, at + entry.length);
    if (!header || header.type !== RECORD_PUT || !(this.#trusting || payloadIsWhole(payload, header))) return undefined;
    const plain = segment.cipher ? opened(segment.cipher, payload, entry.offset) : payload;
    if (!plain) return undefined;
    const batch = readEvents(plain, header.count, header.headersLength, header.eventBytes);
    return entry.count === batch.length ? batch : batch.slice(entry.skip, entry.skip + entry.count);
  }
}

/** Undefined when the payload was changed by somebody who saw to its checksum. */
function opened(cipher: RecordCipher, payload: Buffer, offset: number): Buffer | undefined {
  try {
    return cipher.open(payload, offset);
  } catch {
    return undefined;
  }
}
