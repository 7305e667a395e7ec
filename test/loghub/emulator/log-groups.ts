// The service's protocol buffers (proto2), read strictly and written. LogGroupList: LogGroups=1. LogGroup: Logs=1,
// Reserved=2, Topic=3, Source=4, MachineUUID=5, LogTags=6. Log: Time=1 (uint32), Contents=2, Time_ns=4 (fixed32).
// Content and LogTag: Key=1, Value=2.

export interface Log {
  /** Seconds since 1970. */
  readonly time: number;
  readonly timeNs?: number | undefined;
  /** Keys may come twice. */
  readonly contents: readonly (readonly [string, string | Buffer])[];
}

export interface LogGroup {
  readonly topic?: string | undefined;
  readonly source?: string | undefined;
  readonly machineUuid?: string | undefined;
  readonly tags?: readonly (readonly [string, string])[] | undefined;
  readonly logs: readonly Log[];
}

const VARINT = 0;
const BYTES = 2;
const FIXED32 = 5;

/** A field that must not be there, a length that points beyond the end, a key that is no text: anything is an error. */
export class MalformedLogGroup extends Error {}

export function encodeLogGroup(group: LogGroup): Buffer {
  const parts: Buffer[] = [];
  for (const log of group.logs) parts.push(...field(1, encodeLog(log)));
  if (group.topic !== undefined) parts.push(...field(3, Buffer.from(group.topic)));
  if (group.source !== undefined) parts.push(...field(4, Buffer.from(group.source)));
  if (group.machineUuid !== undefined) parts.push(...field(5, Buffer.from(group.machineUuid)));
  for (const [key, value] of group.tags ?? []) parts.push(...field(6, encodePair(key, value)));
  return Buffer.concat(parts);
}

/** What is put behind a LogGroup in its wire form to give it one more tag. */
export function encodeTag(key: string, value: string): Buffer {
  return Buffer.concat(field(6, encodePair(key, value)));
}

/** @param groups each in its wire form */
export function encodeLogGroupList(groups: readonly Buffer[]): Buffer {
  return Buffer.concat(groups.flatMap((group) => field(1, group)));
}

function encodeLog(log: Log): Buffer {
  const parts = [Buffer.from([(1 << 3) | VARINT]), varint(log.time)];
  for (const [key, value] of log.contents) parts.push(...field(2, encodePair(key, value)));
  if (log.timeNs !== undefined) {
    const fixed = Buffer.alloc(5);
    fixed[0] = (4 << 3) | FIXED32;
    fixed.writeUInt32LE(log.timeNs, 1);
    parts.push(fixed);
  }
  return Buffer.concat(parts);
}

function encodePair(key: string, value: string | Buffer): Buffer {
  return Buffer.concat([...field(1, Buffer.from(key)), ...field(2, Buffer.from(value))]);
}

function field(number: number, bytes: Buffer): Buffer[] {
  return [Buffer.from([(number << 3) | BYTES]), varint(bytes.length), bytes];
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** @throws MalformedLogGroup */
export function decodeLogGroup(bytes: Buffer): LogGroup {
  const reader = new Reader(bytes);
  const logs: Log[] = [];
  const tags: [string, string][] = [];
  const single = new Map<number, string>();
  while (reader.more()) {
    const number = reader.tag(BYTES);
    if (number === 1) logs.push(decodeLog(reader.bytes()));
    else if (number === 6) {
      const [key, value] = decodePair(reader.bytes());
      tags.push([key, text(value, `the tag ${key}`)]);
    } else if (number >= 2 && number <= 5) {
      if (single.has(number)) throw new MalformedLogGroup(`Field ${number} of the LogGroup comes twice`);
      single.set(number, text(reader.bytes(), `field ${number}`));
    } else throw new MalformedLogGroup(`A LogGroup has no field ${number}`);
  }
  return { topic: single.get(3), source: single.get(4), machineUuid: single.get(5), tags, logs };
}

/** @throws MalformedLogGroup */
export function decodeLogGroupList(bytes: Buffer): LogGroup[] {
  const reader = new Reader(bytes);
  const groups: LogGroup[] = [];
  while (reader.more()) {
    if (reader.tag(BYTES) !== 1) throw new MalformedLogGroup("A LogGroupList has one field only");
    groups.push(decodeLogGroup(reader.bytes()));
  }
  return groups;
}

function decodeLog(bytes: Buffer): Log {
  const reader = new Reader(bytes);
  const contents: [string, Buffer][] = [];
  let time: number | undefined;
  let timeNs: number | undefined;
  while (reader.more()) {
    const { number, type } = reader.anyTag();
    if (number === 1 && type === VARINT && time === undefined) time = reader.uint32();
    else if (number === 2 && type === BYTES) contents.push(decodePair(reader.bytes()));
    else if (number === 4 && type === FIXED32 && timeNs === undefined) timeNs = reader.fixed32();
    else throw new MalformedLogGroup(`Field ${number} of wire type ${type} has no place in this Log`);
  }
  if (time === undefined) throw new MalformedLogGroup("A Log has no Time");
  if (timeNs !== undefined && timeNs > 999_999_999) throw new MalformedLogGroup(`Time_ns is ${timeNs}`);
  return { time, timeNs, contents };
}

function decodePair(bytes: Buffer): [string, Buffer] {
  const reader = new Reader(bytes);
  let key: string | undefined;
  let value: Buffer | undefined;
  while (reader.more()) {
    const number = reader.tag(BYTES);
    if (number === 1 && key === undefined) key = text(reader.bytes(), "a key");
    else if (number === 2 && value === undefined) value = reader.bytes();
    else throw new MalformedLogGroup(`Field ${number} has no place in a pair of key and value`);
  }
  if (key === undefined || value === undefined) throw new MalformedLogGroup("A key or a value is missing");
  return [key, value];
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text that is not UTF-8, where the schema says string. Values of contents are let through as bytes: the service does. */
export class NotText extends MalformedLogGroup {}

function text(bytes: Buffer, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new NotText(`The bytes of ${what} are not UTF-8`);
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  more(): boolean {
    return this.#at < this.#bytes.length;
  }

  anyTag(): { number: number; type: number } {
    const tag = this.uint32();
    if (tag >>> 3 === 0) throw new MalformedLogGroup("A field has the number 0");
    return { number: tag >>> 3, type: tag & 7 };
  }

  tag(type: number): number {
    const tag = this.anyTag();
    if (tag.type !== type)
      throw new MalformedLogGroup(`Field ${tag.number} has the wire type ${tag.type}, not ${type}`);
    return tag.number;
  }

  uint32(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 0x80) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new MalformedLogGroup("It ends inside a number");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw new MalformedLogGroup("A number is longer than 32 bits");
  }

  fixed32(): number {
    if (this.#at + 4 > this.#bytes.length) throw new MalformedLogGroup("It ends inside a number");
    this.#at += 4;
    return this.#bytes.readUInt32LE(this.#at - 4);
  }

  bytes(): Buffer {
    const length = this.uint32();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MalformedLogGroup(`A field of ${length} bytes goes beyond the end`);
    const found = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return found;
  }
}
