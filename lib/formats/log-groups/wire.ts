import { HeadraceError } from "../../engine/errors.js";

/*
 * The messages of Log Service, in protobuf's wire form (proto2):
 *
 *   LogGroupList { repeated LogGroup LogGroups = 1 }
 *   LogGroup     { repeated Log Logs = 1; string Category = 2, Topic = 3, Source = 4, MachineUUID = 5;
 *                  repeated LogTag LogTags = 6 }
 *   Log          { uint32 Time = 1; repeated Content Contents = 2; fixed32 Time_ns = 4 }
 *   Content, LogTag { string Key = 1, Value = 2 }
 *
 * Source: log_logs.proto of Log Service's Python SDK. A field that is absent counts as empty, one that is there twice
 * counts as its last, unknown ones are passed over: protobuf's own rules.
 */

/** Field number and wire type in one byte: (number << 3) | type; type 0 is a varint, 2 has a length. */
export const LIST_GROUP = 0x0a;
export const GROUP_LOG = 0x0a;
export const GROUP_TOPIC = 0x1a;
export const GROUP_SOURCE = 0x22;
export const GROUP_TAG = 0x32;
export const LOG_TIME = 0x08;
export const LOG_CONTENT = 0x12;
export const PAIR_KEY = 0x0a;
export const PAIR_VALUE = 0x12;

export function brokenLogs(at: number, reason: string): HeadraceError {
  return new HeadraceError("FLUME_LOGHUB_LOGS_BROKEN", { at, reason });
}

/** Goes through one message field by field. Throws FLUME_LOGHUB_LOGS_BROKEN where the bytes cannot be one. */
export class WireReader {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;

  constructor(bytes: Buffer, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  /** Up to 64 bits; exact below 2^53. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.end) throw brokenLogs(this.at, "it ends within a number");
      const byte = this.bytes[this.at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw brokenLogs(this.at, "a number of more than 10 bytes");
  }

  /** Moves on over what a field with a length holds. @returns where that begins; it ends at `at` */
  span(): number {
    const length = this.varint();
    if (length > this.end - this.at) throw brokenLogs(this.at, "a length beyond the end");
    const from = this.at;
    this.at += length;
    return from;
  }

  /** Passes over the value of a field that nobody asks for. */
  skip(tag: number): void {
    if (tag < 8) throw brokenLogs(this.at, "a field with the number 0");
    switch (tag % 8) {
      case 0:
        this.varint();
        return;
      case 1:
        return this.#fixed(8);
      case 2:
        this.span();
        return;
      case 5:
        return this.#fixed(4);
      default:
        throw brokenLogs(this.at, `a field of the type ${tag % 8}`);
    }
  }

  #fixed(length: number): void {
    if (length > this.end - this.at) throw brokenLogs(this.at, "it ends within a number");
    this.at += length;
  }
}
