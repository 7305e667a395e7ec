import { isUtf8 } from "node:buffer";

const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [SPACE, TAB, NEWLINE, RETURN] = [0x20, 0x09, 0x0a, 0x0d];

/** Deeper than this a value stays a text. */
const DEEPEST = 512;

/** Whether a value may be JSON to be embedded: "null", or begins and ends as an object or a list does. */
export function looksEmbedded(source: Buffer, from: number, to: number): boolean {
  const first = source[from];
  const last = source[to - 1];
  if (first === OPEN_OBJECT) return last === CLOSE_OBJECT && to - from > 1;
  if (first === OPEN_LIST) return last === CLOSE_LIST && to - from > 1;
  return first === 0x6e && to - from === 4 && source.toString("latin1", from, to) === "null";
}

/**
 * Copies JSON (RFC 8259) without the white space between its parts; numbers, texts, the order and the number of its
 * keys stay as they are, so no digit of a long number is lost. `target` has room for as many bytes as the source.
 * @returns where the next byte goes, or -1 when it is not JSON: what has been written then means nothing
 */
export function copyJson(source: Buffer, from: number, to: number, target: Buffer, start: number): number {
  const copy = new JsonCopy(source, from, to, target, start);
  const end = copy.run();
  return end >= 0 && (copy.seen < 128 || isUtf8(source.subarray(from, to))) ? end : -1;
}

/** What may come next. */
const enum Wanted {
  value,
  valueOrEnd,
  key,
  keyOrEnd,
  commaOrEnd,
}

class JsonCopy {
  readonly #source: Buffer;
  readonly #to: number;
  readonly #target: Buffer;
  #from: number;
  #at: number;
  /** All bytes or-ed. */
  seen = 0;
  /** The brackets that are open: what closes each. */
  readonly #closes: number[] = [];

  constructor(source: Buffer, from: number, to: number, target: Buffer, at: number) {
    this.#source = source;
    this.#from = from;
    this.#to = to;
    this.#target = target;
    this.#at = at;
  }

  run(): number {
    let wanted: Wanted = Wanted.value;
    for (;;) {
      const byte = this.#next();
      if (byte === undefined) return -1;
      const close = this.#closes.at(-1);
      const mayEnd = wanted === Wanted.valueOrEnd || wanted === Wanted.keyOrEnd || wanted === Wanted.commaOrEnd;
      if (mayEnd && byte === close) {
        this.#put(byte);
        this.#closes.pop();
        if (this.#closes.length === 0) return this.#next() === undefined ? this.#at : -1;
        wanted = Wanted.commaOrEnd;
      } else if (wanted === Wanted.commaOrEnd) {
        if (byte !== COMMA) return -1;
        this.#put(byte);
        wanted = close === CLOSE_OBJECT ? Wanted.key : Wanted.value;
      } else if (wanted === Wanted.key || wanted === Wanted.keyOrEnd) {
        if (byte !== QUOTE || !this.#string() || this.#next() !== COLON) return -1;
        this.#put(COLON);
        wanted = Wanted.value;
      } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        if (this.#closes.length === DEEPEST) return -1;
        this.#closes.push(byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_LIST);
        this.#put(byte);
        wanted = byte === OPEN_OBJECT ? Wanted.keyOrEnd : Wanted.valueOrEnd;
      } else {
        if (!(byte === QUOTE ? this.#string() : this.#word())) return -1;
        if (this.#closes.length === 0) return this.#next() === undefined ? this.#at : -1;
        wanted = Wanted.commaOrEnd;
      }
    }
  }

  /** The next byte that is no white space; it is not passed. */
  #next(): number | undefined {
    for (; this.#from < this.#to; this.#from++) {
      const byte = this.#source[this.#from] as number;
      if (byte !== SPACE && byte !== NEWLINE && byte !== RETURN && byte !== TAB) return byte;
    }
    return undefined;
  }

  #put(byte: number): void {
    this.#target[this.#at++] = byte;
    this.#from++;
  }

  /** From one quote to the other. */
  #string(): boolean {
    const source = this.#source;
    const target = this.#target;
    const to = this.#to;
    let i = this.#from;
    let at = this.#at;
    let seen = 0;
    target[at++] = source[i++] as number;
    while (i < to) {
      const byte = source[i++] as number;
      seen |= byte;
      if (byte < SPACE) return false;
      target[at++] = byte;
      if (byte === QUOTE) {
        this.#from = i;
        this.#at = at;
        this.seen |= seen;
        return true;
      }
      if (byte !== BACKSLASH) continue;
      const length = escapeLength(source, i, to);
      if (length === 0) return false;
      for (const end = i + length; i < end; ) target[at++] = source[i++] as number;
    }
    return false;
  }

  /** A number, true, false or null. */
  #word(): boolean {
    const start = this.#from;
    let end = start;
    while (end < this.#to && isWordByte(this.#source[end] as number)) end++;
    if (end === start || end - start > LONGEST_NUMBER) return false;
    if (!WORD.test(this.#source.toString("latin1", start, end))) return false;
    for (let i = start; i < end; i++) this.#target[this.#at++] = this.#source[i] as number;
    this.#from = end;
    return true;
  }
}

const WORD = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null)$/;
const LONGEST_NUMBER = 10_000;

function isWordByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x45 || isSign(byte);
}

/** + - . */
function isSign(byte: number): boolean {
  return byte === 0x2b || byte === 0x2d || byte === 0x2e;
}

/** Bytes behind a backslash that belong to it; 0 when it is no escape of JSON. */
function escapeLength(source: Buffer, at: number, to: number): number {
  const letter = at < to ? String.fromCharCode(source[at] as number) : "";
  if (letter !== "" && '"\\/bfnrt'.includes(letter)) return 1;
  return letter === "u" && at + 5 <= to && /^[0-9a-fA-F]{4}$/.test(source.toString("latin1", at + 1, at + 5)) ? 5 : 0;
}
