import type { NodeMessage } from "../node-red.js";

/**
 * What a message carries: the number of its record, under a symbol key. `RED.util.cloneMessage` (lodash.clonedeep),
 * spread and `Object.assign` keep it; JSON and structuredClone drop it, then `msg._msgid` still tells.
 */
const TOKEN = Symbol("headrace event");

type Stamped = NodeMessage & { [TOKEN]?: unknown };

/** Does nothing to a frozen message: its id is then all there is. */
export function stamp(message: NodeMessage, { number }: { readonly number: number }): void {
  try {
    (message as Stamped)[TOKEN] = number;
  } catch {
    // Frozen.
  }
}

/** The number of the record that the message belongs to, settled or not. */
export function tokenOn(message: NodeMessage): number | undefined {
  const token = (message as Stamped)[TOKEN];
  return typeof token === "number" ? token : undefined;
}
