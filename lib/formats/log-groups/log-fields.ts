import type { FieldName } from "./field-names.js";
import { brokenLogs, LOG_CONTENT, LOG_TIME, PAIR_KEY, PAIR_VALUE, WireReader } from "./wire.js";

/** Numbers kept for each field of a log: where its key begins and ends, where its value does. */
export const STRIDE = 4;
export const KEY_START = 0;
export const KEY_END = 1;
export const VALUE_START = 2;
export const VALUE_END = 3;

const USUAL_FIELDS = 64;
/** Room for a log of more fields than this is given back afterwards. */
const MANY_FIELDS = 4096;

/** Where in the bytes the fields of one log are. Used again for each log: nothing is made for a field. */
export class LogFields {
  bytes: Buffer = Buffer.alloc(0);
  /** Seconds since 1970, by the clock of who wrote the log. */
  time = 0;
  count = 0;
  places = new Int32Array(USUAL_FIELDS * STRIDE);
  /** Of all values together. */
  valueBytes = 0;
  /** Set by `FieldNames`: one for each field, undefined where a later field has the same name. */
  readonly names: (FieldName | undefined)[] = [];
  /** Of the names that are not undefined, as `FieldName.prefix` has them. */
  nameBytes = 0;

  /** Reads the log between `from` and `to`. Throws FLUME_LOGHUB_LOGS_BROKEN. */
  read(bytes: Buffer, from: number, to: number): void {
    this.bytes = bytes;
    this.time = 0;
    this.count = 0;
    this.valueBytes = 0;
    if (this.places.length > MANY_FIELDS * STRIDE) this.places = new Int32Array(USUAL_FIELDS * STRIDE);
    let at = from;
    while (at < to) {
      const tag = bytes[at] as number;
      const length = bytes[at + 1] as number;
      const end = at + 2 + length;
      // Nearly every field is a short content; whatever is not is read by the rules, below.
      if (tag === LOG_CONTENT && length < 128 && end <= to) {
        this.#content(bytes, at + 2, end);
        at = end;
      } else {
        at = this.#other(bytes, at, to);
      }
    }
    if (at !== to) throw brokenLogs(at, "a log beyond its end");
  }

  #other(bytes: Buffer, from: number, to: number): number {
    const reader = new WireReader(bytes, from, to);
    const tag = reader.varint();
    if (tag === LOG_CONTENT) {
      const start = reader.span();
      this.#content(bytes, start, reader.at);
    } else if (tag === LOG_TIME) this.time = reader.varint() % 0x1_0000_0000;
    else reader.skip(tag);
    return reader.at;
  }

  #content(bytes: Buffer, from: number, to: number): void {
    if (this.count * STRIDE === this.places.length) this.#grow();
    const place = this.count++ * STRIDE;
    const { places } = this;
    // Key and value in this order, lengths of one byte each: the rest goes by the rules.
    const keyStart = from + 2;
    const keyLength = bytes[from + 1] as number;
    const keyEnd = keyStart + keyLength;
    const valueStart = keyEnd + 2;
    if (valueStart <= to && bytes[from] === PAIR_KEY && keyLength < 128 && bytes[keyEnd] === PAIR_VALUE) {
      const valueLength = bytes[keyEnd + 1] as number;
      if (valueLength < 128 && valueStart + valueLength === to) {
        places[place + KEY_START] = keyStart;
        places[place + KEY_END] = keyEnd;
        places[place + VALUE_START] = valueStart;
        places[place + VALUE_END] = to;
        this.valueBytes += valueLength;
        return;
      }
    }
    readPair(bytes, from, to, places, place);
    this.valueBytes += (places[place + VALUE_END] as number) - (places[place + VALUE_START] as number);
  }

  #grow(): void {
    const larger = new Int32Array(this.places.length * 2);
    larger.set(this.places);
    this.places = larger;
  }
}

/** Reads a Content or LogTag into the four numbers from `place` on. Throws FLUME_LOGHUB_LOGS_BROKEN. */
export function readPair(bytes: Buffer, from: number, to: number, places: Int32Array, place: number): void {
  places.fill(to, place, place + STRIDE);
  const reader = new WireReader(bytes, from, to);
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === PAIR_KEY) {
      places[place + KEY_START] = reader.span();
      places[place + KEY_END] = reader.at;
    } else if (tag === PAIR_VALUE) {
      places[place + VALUE_START] = reader.span();
      places[place + VALUE_END] = reader.at;
    } else reader.skip(tag);
  }
}
