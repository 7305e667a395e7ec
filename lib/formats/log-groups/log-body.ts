import type { GroupFields } from "./group-fields.js";
import type { LogFields } from "./log-fields.js";

/** How a log becomes the body of an event. */
export interface LogBody {
  /** Where a column of the body has the key of that text; -1: nowhere, or there are no columns. */
  column(key: string): number;
  /** The logs from here on are of this group. @returns keys that fields of the group take from its logs */
  beginGroup(group: GroupFields): readonly string[];
  /** Bytes that the body of this log takes at most. */
  room(log: LogFields): number;
  /** Writes the body; `target` has room. `timestamp` in milliseconds. @returns where the next byte goes */
  write(log: LogFields, timestamp: number, target: Buffer, at: number): number;
}

/** Above this many bytes of values, room is counted byte by byte instead of taking the worst of each. */
export const COUNTED_ROOM = 8 * 1024;
