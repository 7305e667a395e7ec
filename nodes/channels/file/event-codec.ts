import { copyBodies, copyPays, type EventBatch } from "../../../lib/engine/batch.js";
import {
  copyHeaders,
  createEvent,
  type FlumeEvent,
  type Headers,
  headerBytes,
  NO_HEADERS,
} from "../../../lib/engine/event.js";

/*
 * The payload of a put: a table of where each body ends, the headers, the bodies. Each part is written by
 * few calls whatever the number of events.
 */

const TABLE_ENTRY = 4;
/** In the headers' part, instead of a number of pairs: the same headers as the event before. */
const SAME_HEADERS = 0xffff_ffff;
/** Headers that are not plain ASCII are kept as UTF-16: exact for every string that JavaScript can hold. */
const ASCII = 0;
const UTF16 = 1;
const TEXT_HEAD = 8;

/** A batch measured, before its bytes are laid out. */
export interface EncodedPlan {
  readonly batch: EventBatch;
  readonly length: number;
  readonly eventBytes: number;
  readonly headersLength: number;
  readonly headers: HeadersPlan | undefined;
}

interface HeadersPlan {
  readonly text: string;
  readonly encoding: typeof ASCII | typeof UTF16;
  readonly textBytes: number;
  /** For each event the number of pairs, then for each pair the lengths of its name and value. */
  readonly numbers: readonly number[];
}

export function planEvents(batch: EventBatch): EncodedPlan {
  const { length } = batch;
  let bodies = 0;
  let plain = true;
  for (let i = 0; i < length; i++) {
    const event = batch.at(i);
    bodies += event.body.length;
    if (event.headers !== NO_HEADERS) plain = false;
  }
  const headers = plain ? undefined : planHeaders(batch);
  const headersLength = headers ? TEXT_HEAD + headers.numbers.length * 4 + headers.textBytes : 0;
  return {
    batch,
    length: length * TABLE_ENTRY + headersLength + bodies,
    eventBytes: batch.bytes,
    headersLength,
    headers,
  };
}

function planHeaders(batch: EventBatch): HeadersPlan {
  let text = "";
  const counts: number[] = [];
  const lengths: number[] = [];
  let last: Headers | undefined;
  for (let i = 0; i < batch.length; i++) {
    const { headers } = batch.at(i);
    if (headers === last) {
      counts.push(SAME_HEADERS);
      continue;
    }
    last = headers;
    let pairs = 0;
    for (const name in headers) {
      const value = headers[name] as string;
      text += name + value;
      lengths.push(name.length, value.length);
      pairs++;
    }
    counts.push(pairs);
  }
  const ascii = Buffer.byteLength(text) === text.length;
  return {
    text,
    encoding: ascii ? ASCII : UTF16,
    textBytes: ascii ? text.length : text.length * 2,
    numbers: counts.concat(lengths),
  };
}

/** Writes the payload at `at`; returns where it ends. */
export function writeEvents(into: Buffer, at: number, plan: EncodedPlan): number {
  const { batch, headers } = plan;
  const { length } = batch;
  let cursor = at + length * TABLE_ENTRY;
  if (headers) cursor = writeHeaders(into, cursor, headers);
  const bodies = cursor;
  for (let i = 0; i < length; i++) {
    const { body } = batch.at(i);
    into.set(body, cursor);
    cursor += body.length;
    into.writeUInt32LE(cursor - bodies, at + i * TABLE_ENTRY);
  }
  return cursor;
}

function writeHeaders(into: Buffer, at: number, headers: HeadersPlan): number {
  into.writeUInt32LE(headers.encoding, at);
  into.writeUInt32LE(headers.textBytes, at + 4);
  let cursor = at + TEXT_HEAD;
  for (const number of headers.numbers) {
    into.writeUInt32LE(number, cursor);
    cursor += 4;
  }
  return cursor + into.write(headers.text, cursor, headers.encoding === ASCII ? "latin1" : "utf16le");
}

/** The events of a payload. They are views: the payload's memory must not be written again. */
export function readEvents(payload: Buffer, count: number, headersLength: number, eventBytes: number): EventBatch {
  return new StoredBatch(payload, count, headersLength, 0, count, eventBytes);
}

/** Events as they lie in a payload; made one by one, when asked for. */
class StoredBatch implements EventBatch {
  readonly #payload: Buffer;
  readonly #count: number;
  readonly #headersLength: number;
  readonly #start: number;
  readonly #bodies: number;
  readonly length: number;
  #bytes: number;
  #headers: readonly Headers[] | undefined;

  constructor(
    payload: Buffer,
    count: number,
    headersLength: number,
    start: number,
    end: number,
    bytes: number,
    headers?: readonly Headers[],
  ) {
    this.#payload = payload;
    this.#count = count;
    this.#headersLength = headersLength;
    this.#start = start;
    this.#bodies = count * TABLE_ENTRY + headersLength;
    this.length = end - start;
    this.#bytes = bytes;
    this.#headers = headers;
  }

  get bytes(): number {
    if (this.#bytes < 0) {
      let bytes = this.#bodyEnd(this.#start + this.length - 1) - this.#bodyEnd(this.#start - 1);
      if (this.#headersLength > 0) {
        for (let i = 0; i < this.length; i++) bytes += headerBytes(this.#headersAt(i));
      }
      this.#bytes = bytes;
    }
    return this.#bytes;
  }

  at(index: number): FlumeEvent {
    const i = this.#start + index;
    const body = this.#payload.subarray(this.#bodies + this.#bodyEnd(i - 1), this.#bodies + this.#bodyEnd(i));
    return this.#headersLength === 0 ? createEvent(body) : createEvent(body, this.#headersAt(index));
  }

  slice(start: number, end: number): EventBatch {
    if (start === 0 && end === this.length) return this;
    if (this.#headersLength > 0) this.#headers ??= readHeaders(this.#payload, this.#count);
    return new StoredBatch(
      this.#payload,
      this.#count,
      this.#headersLength,
      this.#start + start,
      this.#start + end,
      -1,
      this.#headers,
    );
  }

  compact(): EventBatch {
    // One read holds several batches; whoever keeps one for long must not keep them all.
    return copyPays(this.#payload.buffer.byteLength, this.bytes) ? copyBodies(this) : this;
  }

  *[Symbol.iterator](): Iterator<FlumeEvent> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  #bodyEnd(index: number): number {
    return index < 0 ? 0 : this.#payload.readUInt32LE(index * TABLE_ENTRY);
  }

  #headersAt(index: number): Headers {
    this.#headers ??= readHeaders(this.#payload, this.#count);
    return this.#headers[this.#start + index] as Headers;
  }
}

function readHeaders(payload: Buffer, count: number): readonly Headers[] {
  let at = count * TABLE_ENTRY;
  const encoding = payload.readUInt32LE(at);
  const textBytes = payload.readUInt32LE(at + 4);
  at += TEXT_HEAD;
  const counts: number[] = [];
  let pairs = 0;
  for (let i = 0; i < count; i++) {
    const number = payload.readUInt32LE(at);
    counts.push(number);
    if (number !== SAME_HEADERS) pairs += number;
    at += 4;
  }
  const textAt = at + pairs * 8;
  const text = payload.toString(encoding === ASCII ? "latin1" : "utf16le", textAt, textAt + textBytes);
  const all: Headers[] = [];
  let last: Headers = NO_HEADERS;
  let cursor = 0;
  for (const number of counts) {
    if (number !== SAME_HEADERS) {
      if (number === 0) last = NO_HEADERS;
      else {
        const headers = copyHeaders();
        for (let pair = 0; pair < number; pair++) {
          const nameEnd = cursor + payload.readUInt32LE(at);
          const valueEnd = nameEnd + payload.readUInt32LE(at + 4);
          headers[text.slice(cursor, nameEnd)] = text.slice(nameEnd, valueEnd);
          cursor = valueEnd;
          at += 8;
        }
        last = headers;
      }
    }
    all.push(last);
  }
  return all;
}
