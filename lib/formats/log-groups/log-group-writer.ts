import {
  GROUP_LOG,
  GROUP_SOURCE,
  GROUP_TAG,
  GROUP_TOPIC,
  LOG_CONTENT,
  LOG_TIME,
  PAIR_KEY,
  PAIR_VALUE,
} from "./wire.js";

export type LogField = readonly [key: Buffer, value: Buffer];

/** What a group says of all its logs. */
export interface LogGroupParts {
  readonly topic: string;
  readonly source: string;
  readonly tags?: readonly LogField[];
}

/** Whether a log can have this time, in seconds since 1970: they are 32 bits without a sign. */
export function isLogTime(seconds: number): boolean {
  return seconds >= 0 && seconds <= 0xffffffff;
}

/** One Log in its wire form. `time`: see `isLogTime`. */
export function encodeLog(time: number, fields: readonly LogField[]): Buffer {
  let size = 1 + varintBytes(time);
  for (const field of fields) size += withLength(pairBytes(field));
  const log = Buffer.allocUnsafe(size);
  log[0] = LOG_TIME;
  let at = writeVarint(log, time, 1);
  for (const field of fields) at = writePair(log, LOG_CONTENT, field, at);
  return log;
}

/** A LogGroup of logs that `encodeLog` has made. */
export function encodeLogGroup(logs: readonly Buffer[], { topic, source, tags = [] }: LogGroupParts): Buffer {
  let size = withLength(Buffer.byteLength(topic)) + withLength(Buffer.byteLength(source));
  for (const log of logs) size += withLength(log.length);
  for (const tag of tags) size += withLength(pairBytes(tag));
  const group = Buffer.allocUnsafe(size);
  let at = 0;
  for (const log of logs) at = writeBytes(group, GROUP_LOG, log, at);
  at = writeBytes(group, GROUP_TOPIC, Buffer.from(topic), at);
  at = writeBytes(group, GROUP_SOURCE, Buffer.from(source), at);
  for (const tag of tags) at = writePair(group, GROUP_TAG, tag, at);
  return group;
}

/** Bytes that a log adds to its group. */
export function logBytesInGroup(log: Buffer): number {
  return withLength(log.length);
}

function pairBytes([key, value]: LogField): number {
  return withLength(key.length) + withLength(value.length);
}

/** Of a field of so many bytes, its tag and its length included. */
function withLength(length: number): number {
  return 1 + varintBytes(length) + length;
}

function writePair(target: Buffer, tag: number, field: LogField, start: number): number {
  target[start] = tag;
  let at = writeVarint(target, pairBytes(field), start + 1);
  at = writeBytes(target, PAIR_KEY, field[0], at);
  return writeBytes(target, PAIR_VALUE, field[1], at);
}

function writeBytes(target: Buffer, tag: number, bytes: Buffer, start: number): number {
  target[start] = tag;
  const at = writeVarint(target, bytes.length, start + 1);
  return at + bytes.copy(target, at);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

function writeVarint(target: Buffer, value: number, start: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) target[at++] = (rest % 128) | 128;
  target[at++] = rest;
  return at;
}
