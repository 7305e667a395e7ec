import type { Declaration } from "./component.js";
import { choice, type Properties } from "./properties.js";

/** Where events go that a node can never accept. Flume's way is to block: nothing behind them moves. */
export const REFUSAL_POLICIES = ["block", "drop", "port"] as const;
export type RefusalPolicy = (typeof REFUSAL_POLICIES)[number];

/** How a body becomes `msg.payload` on the way to an ordinary node. `auto`: text when it is valid UTF-8, else a Buffer. */
export const PAYLOAD_FORMS = ["auto", "text", "buffer"] as const;
export type PayloadForm = (typeof PAYLOAD_FORMS)[number];

/** The properties of a component's node: its own, and those that its role brings. */
export function nodeProperties(declaration: Declaration): Properties {
  return {
    ...declaration.properties,
    ...(declaration.canRefuse ? { refused: choice(REFUSAL_POLICIES, "block", { advanced: true }) } : {}),
    ...(declaration.outputs > 0 || hasRowPorts(declaration) || declaration.canRefuse
      ? { payload: choice(PAYLOAD_FORMS, "auto", { advanced: true }) }
      : {}),
  };
}

function hasRowPorts(declaration: Declaration): boolean {
  return Object.values(declaration.properties).some((property) => property.kind === "rows" && property.ports);
}

/** Output ports of a node with these values, dead-letter port excluded. */
export function outputPorts(declaration: Declaration, values: Readonly<Record<string, unknown>>): number {
  let ports = declaration.outputs;
  for (const [name, property] of Object.entries(declaration.properties)) {
    const list = values[name] ?? property.default;
    if (property.kind === "rows" && property.ports && Array.isArray(list)) ports += list.length;
  }
  return ports;
}

/** The dead-letter port is the last one, and there only while refused events leave by it. */
export function deadLetterPort(
  declaration: Declaration,
  values: Readonly<Record<string, unknown>>,
): number | undefined {
  return declaration.canRefuse && values["refused"] === "port" ? outputPorts(declaration, values) : undefined;
}
