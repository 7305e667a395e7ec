import { KEY_END, KEY_START, type LogFields, STRIDE } from "./log-fields.js";

/** A key of logs, and what is worth keeping of it from one log to the next. */
export class FieldName {
  readonly raw: Buffer;
  /** UTF-8; what is not is replaced by U+FFFD. */
  readonly text: string;
  /** `"key":` as it stands in JSON. */
  readonly prefix: Buffer;
  /** Its place among the columns of a delimited body; -1: none. */
  readonly column: number;
  /** The log that had it last, and where. */
  log = 0;
  index = 0;
  /** The group whose own fields have this name. */
  taken = 0;

  constructor(raw: Buffer, column: (text: string) => number) {
    this.raw = raw;
    this.text = raw.toString();
    this.prefix = Buffer.from(`${JSON.stringify(this.text)}:`);
    this.column = column(this.text);
  }
}

/** Beyond this many bytes of keys everything is forgotten: some logs carry data in their keys. */
const MOST_BYTES = 1024 * 1024;
/** What a name takes besides its bytes, about. */
const NAME_OVERHEAD = 200;

/**
 * Knows the keys of logs again by their bytes. The logs of a logstore nearly always have the same keys in the same
 * order, so the key at the same place of the log before is looked at first.
 */
export class FieldNames {
  readonly #column: (text: string) => number;
  #expected: FieldName[] = [];
  readonly #known = new Map<string, FieldName>();
  #bytes = 0;
  #log = 0;
  #group = 0;
  #taken: readonly string[] = [];

  /** `column`: where a delimited body has the key of that text. */
  constructor(column: (text: string) => number = () => -1) {
    this.#column = column;
  }

  /**
   * The logs from here on are of another group. `taken`: keys that they cannot have, because fields of the group are
   * called so.
   */
  beginGroup(taken: readonly string[]): void {
    this.#taken = taken;
    this.#group++;
    for (const text of taken) {
      const raw = Buffer.from(text);
      this.#find(raw, 0, raw.length).taken = this.#group;
    }
  }

  /** Fills in `log.names`: of two fields with one name the later stays. */
  resolve(log: LogFields): void {
    if (this.#bytes > MOST_BYTES) this.#forget();
    const { bytes, places, names, count } = log;
    const serial = ++this.#log;
    const group = this.#group;
    let nameBytes = 0;
    for (let i = 0; i < count; i++) {
      const start = places[i * STRIDE + KEY_START] as number;
      const end = places[i * STRIDE + KEY_END] as number;
      let name = this.#expected[i];
      if (name === undefined || !isSame(bytes, start, end, name.raw)) {
        name = this.#find(bytes, start, end);
        this.#expected[i] = name;
      }
      if (name.taken === group) {
        names[i] = undefined;
        continue;
      }
      if (name.log === serial) {
        names[name.index] = undefined;
        nameBytes -= name.prefix.length;
      }
      name.log = serial;
      name.index = i;
      names[i] = name;
      nameBytes += name.prefix.length;
    }
    log.nameBytes = nameBytes;
  }

  #find(bytes: Buffer, start: number, end: number): FieldName {
    const id = bytes.toString("latin1", start, end);
    const known = this.#known.get(id);
    if (known) return known;
    const name = new FieldName(Buffer.from(bytes.subarray(start, end)), this.#column);
    this.#known.set(id, name);
    this.#bytes += end - start + NAME_OVERHEAD;
    return name;
  }

  #forget(): void {
    this.#known.clear();
    this.#expected = [];
    this.#bytes = 0;
    this.beginGroup(this.#taken);
  }
}

function isSame(bytes: Buffer, start: number, end: number, raw: Buffer): boolean {
  const { length } = raw;
  if (end - start !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== raw[i]) return false;
  return true;
}
