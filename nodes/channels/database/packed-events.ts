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
 * Events on their way to another thread or to a server: a few large parts, whatever the number of events.
 */

export interface PackedEvents {
  /** One body behind the other. */
  readonly bodies: Uint8Array<ArrayBuffer>;
  /** Where each body ends. */
  readonly ends: Uint32Array<ArrayBuffer>;
  /** Of each event, as JSON; undefined where no event has any. */
  readonly headers: readonly string[] | undefined;
}

export interface PackedRows extends PackedEvents {
  readonly ids: Float64Array<ArrayBuffer>;
  /** There is nothing more within the range that was asked for. */
  readonly last: boolean;
}

export const EMPTY_HEADERS = "{}";
/** Where headers go that somebody has changed into what is no JSON object. */
const UNREADABLE = "headrace.headers";

export function packEvents(batches: readonly EventBatch[]): PackedEvents {
  let length = 0;
  let bytes = 0;
  let plain = true;
  for (const batch of batches) {
    for (let i = 0; i < batch.length; i++) {
      const { body, headers } = batch.at(i);
      bytes += body.length;
      if (headers !== NO_HEADERS) plain = false;
    }
    length += batch.length;
  }
  const bodies = new Uint8Array(bytes);
  const ends = new Uint32Array(length);
  const headers: string[] | undefined = plain ? undefined : new Array<string>(length);
  let at = 0;
  let index = 0;
  let last: Headers = NO_HEADERS;
  let text = EMPTY_HEADERS;
  for (const batch of batches) {
    for (let i = 0; i < batch.length; i++) {
      const event = batch.at(i);
      bodies.set(event.body, at);
      at += event.body.length;
      ends[index] = at;
      if (headers) {
        // Sources that set headers often give the same object to a whole batch.
        if (event.headers !== last) {
          last = event.headers;
          text = JSON.stringify(last);
        }
        headers[index] = text;
      }
      index++;
    }
  }
  return { bodies, ends, headers };
}

/** The rows as batches of events whose ids follow each other. */
export function batchesOfRows(rows: PackedRows): { first: number; batch: EventBatch }[] {
  const all = new RowBatch(rows, 0, rows.ids.length);
  const runs: { first: number; batch: EventBatch }[] = [];
  const { ids } = rows;
  for (let start = 0; start < ids.length; ) {
    let end = start + 1;
    while (end < ids.length && ids[end] === (ids[end - 1] as number) + 1) end++;
    runs.push({ first: ids[start] as number, batch: all.slice(start, end) });
    start = end;
  }
  return runs;
}

/** Rows as they were read; events are made when asked for. */
class RowBatch implements EventBatch {
  readonly #rows: PackedRows;
  readonly #start: number;
  readonly length: number;
  #bytes = -1;
  /** Of this batch alone, read when first asked for. */
  #headers: readonly Headers[] | undefined;

  constructor(rows: PackedRows, start: number, end: number) {
    this.#rows = rows;
    this.#start = start;
    this.length = end - start;
  }

  get bytes(): number {
    if (this.#bytes < 0) {
      let bytes = this.#end(this.length - 1) - this.#end(-1);
      if (this.#rows.headers) for (let i = 0; i < this.length; i++) bytes += headerBytes(this.#headersAt(i));
      this.#bytes = bytes;
    }
    return this.#bytes;
  }

  at(index: number): FlumeEvent {
    const { buffer, byteOffset } = this.#rows.bodies;
    const from = this.#end(index - 1);
    const body = Buffer.from(buffer, byteOffset + from, this.#end(index) - from);
    return this.#rows.headers ? createEvent(body, this.#headersAt(index)) : createEvent(body);
  }

  slice(start: number, end: number): EventBatch {
    if (start === 0 && end === this.length) return this;
    return new RowBatch(this.#rows, this.#start + start, this.#start + end);
  }

  compact(): EventBatch {
    return copyPays(this.#rows.bodies.buffer.byteLength, this.bytes) ? copyBodies(this) : this;
  }

  *[Symbol.iterator](): Iterator<FlumeEvent> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  #end(index: number): number {
    const at = this.#start + index;
    return at < 0 ? 0 : (this.#rows.ends[at] as number);
  }

  #headersAt(index: number): Headers {
    this.#headers ??= readHeaders((this.#rows.headers ?? []).slice(this.#start, this.#start + this.length));
    return this.#headers[index] as Headers;
  }
}

function readHeaders(texts: readonly string[]): readonly Headers[] {
  let last = EMPTY_HEADERS;
  let headers = NO_HEADERS;
  return texts.map((text) => {
    if (text !== last) {
      last = text;
      headers = text === EMPTY_HEADERS ? NO_HEADERS : headersOf(text);
    }
    return headers;
  });
}

/** The table is open to people: whatever somebody wrote there must not stop the channel. */
function headersOf(text: string): Headers {
  const headers = copyHeaders();
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === "object" && found !== null && !Array.isArray(found)) {
      for (const [name, value] of Object.entries(found)) {
        headers[name] = typeof value === "string" ? value : JSON.stringify(value);
      }
      return headers;
    }
  } catch {
    // Kept as it is, below.
  }
  headers[UNREADABLE] = text;
  return headers;
}
