import type { NodeRed, RedNode } from "../node-red.js";
import { INLET } from "../wire-targets.js";
import { definitionOf, expectsDone } from "./node-internals.js";

/** When a node has done with a message. */
export type Ending =
  /** When it calls `done()`. */
  | "done"
  /** When its handler has returned: it has sent by then what it sends. */
  | "return"
  /** One message at a time, when it sends or complains (10-switch.js). */
  | "switch"
  /** Nobody can tell: at its first send for that message, or after a second. */
  | "send";

/** Handlers without a third argument never complete; these core nodes have sent before they return what they send. */
const SENDS_AT_ONCE = new Set(["rbe", "subflow-status"]);

export function endingOf(red: NodeRed, node: RedNode): Ending {
  if (expectsDone(node)) return "done";
  if (node.type === "switch") return keepsSequences(red, node) ? "send" : "switch";
  if (SENDS_AT_ONCE.has(node.type) || node.type.startsWith("subflow:")) return "return";
  return "send";
}

/** 10-switch.js, processMessageQueue: one message in each turn of the event loop, the others in a queue without a bound. */
export function takesOneByOne(node: RedNode): boolean {
  return node.type === "switch";
}

/** 17-split.js: what it sends stands for all messages that it completes in the same turn. Batch and Sort send the originals. */
export function joins(node: RedNode): boolean {
  return node.type === "join";
}

/** 25-catch.js: it gets a copy of the failed message directly from the flow. */
export function catches(node: RedNode): boolean {
  return node.type === "catch";
}

export function isFlumeNode(node: RedNode): boolean {
  return INLET in node;
}

/** Why what goes through this node cannot be tracked, or undefined: a key of the status texts. */
export type BestEffortReason =
  | "sendsLater"
  | "keepsMessages"
  | "neverCompletes"
  | "sentLate"
  | "handOver"
  | "notSupported";

/** Known before anything runs. */
export function bestEffortReason(red: NodeRed, node: RedNode): BestEffortReason | undefined {
  switch (node.type) {
    case "trigger":
    case "tcp request":
      // done() at once, and a second message or the reply later.
      return "sendsLater";
    case "split":
      // The last part is kept until more comes.
      return (node as RedNode & { stream?: unknown }).stream === true ? "keepsMessages" : undefined;
    case "switch":
      return keepsSequences(red, node) ? "keepsMessages" : undefined;
    default:
      return endingOf(red, node) === "send" && !isFlumeNode(node) ? "neverCompletes" : undefined;
  }
}

/** 10-switch.js: with "recreate message sequences", or a rule on the end of a sequence, it holds parts back without a sign. */
function keepsSequences(red: NodeRed, node: RedNode): boolean {
  const definition = definitionOf(red, node);
  const rules = definition?.["rules"];
  const onTail = Array.isArray(rules) && rules.some((rule: { t?: unknown }) => rule.t === "tail");
  return onTail || definition?.["repair"] === true;
}
