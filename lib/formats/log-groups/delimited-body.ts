import { isUtf8 } from "node:buffer";
import { HeadraceError } from "../../engine/errors.js";
import { COUNTED_ROOM, type LogBody } from "./log-body.js";
import { type LogFields, STRIDE, VALUE_END, VALUE_START } from "./log-fields.js";

const [NEWLINE, RETURN, SPACE] = [0x0a, 0x0d, 0x20];
/** Bytes that one byte of a value can become: U+FFFD has three, an escaped pair two. */
const MOST_WRITTEN = 3;

/** As the delimited deserializer of Log Service's Flume plugin (aliyun-log-flume 1.9), which writes by opencsv 4.6. */
export interface DelimitedForm {
  readonly kind: "delimited";
  /** Keys, in the order of the cells. What a log has besides is left out; what it lacks is an empty cell. */
  readonly columns: readonly string[];
  /** One character each; `quoteChar` and `escapeChar` ASCII, or empty: none. */
  readonly separatorChar: string;
  readonly quoteChar: string;
  readonly escapeChar: string;
  readonly lineEnd: string;
  /** Else only cells that hold a quote, an escape, a separator or a carriage return. */
  readonly applyQuotesToAll: boolean;
  /** Adds a last cell: the event's timestamp in milliseconds. */
  readonly appendTimestamp: boolean;
  /** The column that holds the time of conversion in milliseconds instead; empty: none. */
  readonly localTimeFieldName: string;
}

/** One line for each log. A newline in a value becomes a space. */
export class DelimitedBody implements LogBody {
  readonly #form: DelimitedForm;
  readonly #columns: ReadonlyMap<string, number>;
  readonly #separator: Buffer;
  readonly #quote: number;
  readonly #escape: number;
  readonly #lineEnd: Buffer;
  readonly #localTime: number;
  /** 1 for bytes that make a cell be quoted. */
  readonly #special = new Uint8Array(256);
  /** For each column the field of the log, or -1. */
  readonly #fields: Int32Array;
  readonly #now: () => number;

  /** Throws FLUME_LOGHUB_SETTING. */
  constructor(form: DelimitedForm, now: () => number = Date.now) {
    const { columns, separatorChar, quoteChar, escapeChar, lineEnd, localTimeFieldName } = form;
    this.#form = form;
    this.#now = now;
    this.#columns = new Map(columns.map((name, index) => [name, index]));
    if (columns.length === 0 || columns.includes(""))
      throw wrong("columns", columns.join(","), "keys with commas between");
    if (this.#columns.size < columns.length) throw wrong("columns", columns.join(","), "each key once");
    if (!/^.$/su.test(separatorChar)) throw wrong("separatorChar", separatorChar, "one character");
    this.#separator = Buffer.from(separatorChar);
    this.#quote = asciiByte("quoteChar", quoteChar);
    this.#escape = asciiByte("escapeChar", escapeChar);
    this.#lineEnd = Buffer.from(lineEnd);
    this.#localTime = localTimeFieldName === "" ? -1 : (this.#columns.get(localTimeFieldName) ?? -2);
    if (this.#localTime === -2) throw wrong("localTimeFieldName", localTimeFieldName, "one of the columns");
    this.#fields = new Int32Array(columns.length);
    // Of a separator of several bytes the first is enough: a cell too many in quotes reads the same.
    this.#special[this.#separator[0] as number] = 1;
    this.#special[RETURN] = 1;
    if (this.#quote >= 0) this.#special[this.#quote] = 1;
    if (this.#escape >= 0) this.#special[this.#escape] = 1;
  }

  column(key: string): number {
    return this.#columns.get(key) ?? -1;
  }

  beginGroup(): readonly string[] {
    return [];
  }

  room({ valueBytes, bytes, places, count }: LogFields): number {
    const rest = this.#fields.length * (this.#separator.length + 18) + this.#lineEnd.length + 32;
    if (valueBytes <= COUNTED_ROOM) return rest + MOST_WRITTEN * valueBytes;
    let room = rest;
    for (let i = 0; i < count; i++) {
      const to = places[i * STRIDE + VALUE_END] as number;
      for (let j = places[i * STRIDE + VALUE_START] as number; j < to; j++) {
        const byte = bytes[j] as number;
        room += byte >= 128 ? MOST_WRITTEN : this.#special[byte] === 1 ? 2 : 1;
      }
    }
    return room;
  }

  write(log: LogFields, timestamp: number, target: Buffer, start: number): number {
    const { names, places, count } = log;
    const { appendTimestamp } = this.#form;
    const fields = this.#fields;
    fields.fill(-1);
    for (let i = 0; i < count; i++) {
      const name = names[i];
      if (name !== undefined && name.column >= 0) fields[name.column] = i;
    }
    let at = start;
    for (let column = 0; column < fields.length; column++) {
      if (column > 0) at = this.#put(this.#separator, target, at);
      if (column === this.#localTime) {
        at = this.#number(this.#now(), target, at);
        continue;
      }
      const place = (fields[column] as number) * STRIDE;
      if (place < 0) continue;
      at = this.#cell(
        log.bytes,
        places[place + VALUE_START] as number,
        places[place + VALUE_END] as number,
        target,
        at,
      );
    }
    if (appendTimestamp) {
      at = this.#put(this.#separator, target, at);
      at = this.#number(timestamp, target, at);
    }
    return this.#put(this.#lineEnd, target, at);
  }

  #put(bytes: Buffer, target: Buffer, at: number): number {
    for (let i = 0; i < bytes.length; i++) target[at + i] = bytes[i] as number;
    return at + bytes.length;
  }

  #number(value: number, target: Buffer, start: number): number {
    const digits = Buffer.from(String(value), "latin1");
    return this.#cell(digits, 0, digits.length, target, start);
  }

  #cell(source: Buffer, from: number, to: number, target: Buffer, start: number): number {
    const special = this.#special;
    const quoted = this.#quote >= 0 && this.#form.applyQuotesToAll;
    let at = start;
    let seen = 0;
    let plain = !quoted;
    for (let i = from; i < to && plain; i++) {
      const byte = source[i] as number;
      seen |= byte;
      target[at++] = byte === NEWLINE ? SPACE : byte;
      if (special[byte] === 1) plain = false;
    }
    if (!plain) at = this.#quotedCell(source, from, to, target, start);
    if ((plain && seen < 128) || isUtf8(source.subarray(from, to))) return at;
    const replaced = Buffer.from(source.toString("utf8", from, to));
    return this.#cell(replaced, 0, replaced.length, target, start);
  }

  #quotedCell(source: Buffer, from: number, to: number, target: Buffer, start: number): number {
    const quote = this.#quote;
    const escape = this.#escape;
    // Where nothing is quoted, separators are escaped too.
    const separator = quote >= 0 ? -1 : (this.#separator[0] as number);
    let at = start;
    if (quote >= 0) target[at++] = quote;
    for (let i = from; i < to; i++) {
      const byte = source[i] as number;
      if (escape >= 0 && (byte === quote || byte === escape || byte === separator)) target[at++] = escape;
      target[at++] = byte === NEWLINE ? SPACE : byte;
    }
    if (quote >= 0) target[at++] = quote;
    return at;
  }
}

function asciiByte(field: string, text: string): number {
  if (text === "") return -1;
  const code = text.charCodeAt(0);
  if (text.length !== 1 || code >= 128) throw wrong(field, text, "one ASCII character, or empty");
  return code;
}

function wrong(field: string, value: string, wanted: string): HeadraceError {
  return new HeadraceError("FLUME_LOGHUB_SETTING", { field, value, wanted });
}
