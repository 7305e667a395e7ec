import { VarintReader } from "../../../formats/varint.js";

/** Kafka's mark of records without a timestamp. */
const NO_TIMESTAMP = -1;

/**
 * The records of one record batch (or some of them), as they came: where each begins is known, the rest is read
 * when somebody asks. Kafka protocol guide, "Record".
 */
export class FetchedRecords {
  readonly #bytes: Buffer;
  readonly #baseOffset: number;
  readonly #baseTimestamp: number;
  /** The broker's own time for all of them, where the topic is kept so. */
  readonly #appendTime: number | undefined;
  /** Four numbers a record: where key, value and headers begin (key and value behind their lengths), and its end. */
  readonly #places: Int32Array;
  /** Behind the base offset: compaction leaves gaps. */
  readonly #deltas: Int32Array;
  readonly #timestamps: Float64Array;
  readonly #first: number;
  readonly length: number;
  /** Lengths of all values and keys. */
  readonly #valueBytes: number;

  private constructor(parts: {
    bytes: Buffer;
    baseOffset: number;
    baseTimestamp: number;
    appendTime: number | undefined;
    places: Int32Array;
    deltas: Int32Array;
    timestamps: Float64Array;
    first: number;
    length: number;
  }) {
    this.#bytes = parts.bytes;
    this.#baseOffset = parts.baseOffset;
    this.#baseTimestamp = parts.baseTimestamp;
    this.#appendTime = parts.appendTime;
    this.#places = parts.places;
    this.#deltas = parts.deltas;
    this.#timestamps = parts.timestamps;
    this.#first = parts.first;
    this.length = parts.length;
    let valueBytes = 0;
    for (let i = parts.first; i < parts.first + parts.length; i++) {
      const at = i * PLACES;
      valueBytes += size(this.#places, at + VALUE) + size(this.#places, at + KEY);
    }
    this.#valueBytes = valueBytes;
  }

  /** Finds the records in the unpacked bytes of a batch. Throws RangeError where they are none. */
  static scan(
    bytes: Buffer,
    batch: { count: number; baseOffset: number; baseTimestamp: number; appendTime?: number },
  ): FetchedRecords {
    const { count } = batch;
    // Each takes seven bytes at least; a count that cannot be must not take memory.
    if (count < 0 || count * 7 > bytes.length) throw new RangeError(`${count} records in ${bytes.length} bytes`);
    const places = new Int32Array(count * PLACES);
    const deltas = new Int32Array(count);
    const timestamps = new Float64Array(count);
    const reader = new VarintReader(bytes);
    for (let i = 0; i < count; i++) {
      const length = reader.next();
      const end = reader.at + length;
      if (length < 0 || end > bytes.length) throw new RangeError("a record that is cut off");
      reader.skip(1);
      timestamps[i] = reader.next();
      deltas[i] = reader.next();
      const at = i * PLACES;
      span(reader, places, at + KEY);
      span(reader, places, at + VALUE);
      places[at + HEADERS] = reader.at;
      if (reader.at > end) throw new RangeError("a record longer than it says");
      reader.at = end;
    }
    const { baseOffset, baseTimestamp, appendTime } = batch;
    return new FetchedRecords({
      ...{ bytes, baseOffset, baseTimestamp, appendTime, places, deltas, timestamps },
      ...{ first: 0, length: count },
    });
  }

  /** Of keys and values; headers are not counted. */
  get valueBytes(): number {
    return this.#valueBytes;
  }

  /** What is really kept alive by these records. */
  get keptBytes(): number {
    return this.#bytes.buffer.byteLength + this.#places.buffer.byteLength * 2;
  }

  offset(index: number): number {
    return this.#baseOffset + (this.#deltas[this.#first + index] as number);
  }

  /** Milliseconds since 1970; undefined where the record has none. */
  timestamp(index: number): number | undefined {
    if (this.#appendTime !== undefined) return this.#appendTime;
    const timestamp = this.#baseTimestamp + (this.#timestamps[this.#first + index] as number);
    return timestamp === NO_TIMESTAMP ? undefined : timestamp;
  }

  /** Undefined for a null key. Shares memory with the fetch. */
  key(index: number): Buffer | undefined {
    return this.#part(index, KEY);
  }

  /** Undefined for a null value. Shares memory with the fetch. */
  value(index: number): Buffer | undefined {
    return this.#part(index, VALUE);
  }

  valueSize(index: number): number {
    return size(this.#places, (this.#first + index) * PLACES + VALUE);
  }

  /** Calls `see` for each of the record's headers, in order; the same name may come twice. */
  headers(index: number, see: (name: string, value: string) => void): void {
    const reader = new VarintReader(this.#bytes, this.#places[(this.#first + index) * PLACES + HEADERS]);
    for (let count = reader.next(); count > 0; count--) {
      const name = text(reader);
      see(name ?? "", text(reader) ?? "");
    }
  }

  slice(start: number, end: number): FetchedRecords {
    if (start === 0 && end === this.length) return this;
    return new FetchedRecords({ ...this.#all(), first: this.#first + start, length: end - start });
  }

  /** The same records in memory of their own. */
  copy(): FetchedRecords {
    if (this.length === 0) return this;
    const places = this.#places.slice(this.#first * PLACES, (this.#first + this.length) * PLACES);
    const from = places[KEY] as number;
    // The headers of the last record end somewhere behind: they are read to find out.
    const last = new VarintReader(this.#bytes, places[(this.length - 1) * PLACES + HEADERS]);
    for (let count = last.next(); count > 0; count--) {
      text(last);
      text(last);
    }
    const bytes = Buffer.allocUnsafeSlow(last.at - from);
    this.#bytes.copy(bytes, 0, from, last.at);
    for (let i = 0; i < this.length; i++) {
      const at = i * PLACES;
      for (const place of [KEY, VALUE, HEADERS]) places[at + place] = (places[at + place] as number) - from;
    }
    return new FetchedRecords({
      ...this.#all(),
      bytes,
      places,
      deltas: this.#deltas.slice(this.#first, this.#first + this.length),
      timestamps: this.#timestamps.slice(this.#first, this.#first + this.length),
      first: 0,
      length: this.length,
    });
  }

  #part(index: number, part: number): Buffer | undefined {
    const at = (this.#first + index) * PLACES + part;
    const length = this.#places[at + 1] as number;
    if (length < 0) return undefined;
    const from = this.#places[at] as number;
    return this.#bytes.subarray(from, from + length);
  }

  #all() {
    return {
      bytes: this.#bytes,
      baseOffset: this.#baseOffset,
      baseTimestamp: this.#baseTimestamp,
      appendTime: this.#appendTime,
      places: this.#places,
      deltas: this.#deltas,
      timestamps: this.#timestamps,
    };
  }
}

/** Of a record in `places`: key and its length (-1: null), value and its length, headers. */
const KEY = 0;
const VALUE = 2;
const HEADERS = 4;
const PLACES = 5;

function span(reader: VarintReader, places: Int32Array, at: number): void {
  const length = reader.next();
  places[at] = length < 0 ? reader.at : reader.skip(length);
  places[at + 1] = length < 0 ? -1 : length;
}

function size(places: Int32Array, at: number): number {
  return Math.max(0, places[at + 1] as number);
}

function text(reader: VarintReader): string | undefined {
  const length = reader.next();
  if (length < 0) return undefined;
  const from = reader.skip(length);
  return reader.bytes.toString("utf8", from, from + length);
}
