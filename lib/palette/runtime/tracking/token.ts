import type { NodeMessage } from "../node-red.js";
import type { EventRecord } from "./event-record.js";

/**
 * The token: a function under a symbol key. `RED.util.cloneMessage` (lodash.clonedeep), spread and
 * `Object.assign` keep it by reference; JSON and structuredClone drop it, then `msg._msgid` still tells.
 */
const TOKEN = Symbol("headrace event");

type Stamped = NodeMessage & { [TOKEN]?: unknown };

/** Does nothing to a frozen message: its id is then all there is. */
export function stamp(message: NodeMessage, record: EventRecord): void {
  try {
    (message as Stamped)[TOKEN] = record.token;
  } catch {
    // Frozen.
  }
}

/** The record whose token the message carries, settled or not. */
export function recordOn(message: NodeMessage): EventRecord | undefined {
  const token = (message as Stamped)[TOKEN];
  return typeof token === "function" ? (token as () => EventRecord)() : undefined;
}
