import { errorText, type HeadraceError } from "../../engine/errors.js";
import type { EditorNode } from "./red.js";

/** The catalogue of the plugin, which holds what nodes share. */
const SHARED = "@headrace/node-red-flume/headrace-editor";

const SHARED_PROPERTIES = [
  "name",
  "refused",
  "payload",
  "tracking",
  "settleWithin",
  "eventsInFlight",
  "attemptsBeforeSplit",
];

export function sharedText(key: string, parameters: Readonly<Record<string, string | number>> = {}): string {
  return RED._(`${SHARED}:${key}`).replace(/\{(\w+)\}/g, (whole, name: string) => String(parameters[name] ?? whole));
}

/** A text of the node's own catalogue. `path` starts at the property, as in `rules.variants.static.label`. */
export function propertyText(node: EditorNode, path: string): string {
  const [property] = path.split(".");
  if (property !== undefined && SHARED_PROPERTIES.includes(property)) return sharedText(`properties.${path}`);
  return node._(`properties.${path}`);
}

/** A text that a node may have or not. */
export function optionalText(node: EditorNode, key: string): string | undefined {
  const text = node._(key);
  return text === key || text === "" ? undefined : text;
}

/** What is wrong, and what to do about it, in the reader's language. */
export function problemText(problem: HeadraceError): { message: string; next: string } {
  const key = `errors.${problem.code}`;
  const message = RED._(`${SHARED}:${key}.message`);
  if (message.endsWith(`${key}.message`)) return errorText(problem);
  return errorText(problem, { [problem.code]: { message, next: RED._(`${SHARED}:${key}.next`) } });
}
