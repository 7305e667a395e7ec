import type { Declaration } from "./component.js";
import { choice, number, type Properties, type Property } from "./properties.js";

/** Where events go that a node can never accept. Flume's way is to block: nothing behind them moves. */
export const REFUSAL_POLICIES = ["block", "drop", "port"] as const;
export type RefusalPolicy = (typeof REFUSAL_POLICIES)[number];

/** How a body becomes `msg.payload` on the way to an ordinary node. `auto`: text when it is valid UTF-8, else a Buffer. */
export const PAYLOAD_FORMS = ["auto", "text", "buffer"] as const;
export type PayloadForm = (typeof PAYLOAD_FORMS)[number];

/** When events sent to ordinary nodes are done with: when all that was made of them has settled, or at once. */
export const TRACKING_MODES = ["tracked", "handOver"] as const;
export type TrackingMode = (typeof TRACKING_MODES)[number];

/** How events become messages at a node's ports, what these promise, and how much may be under way there. */
const portProperties = {
  payload: choice(PAYLOAD_FORMS, "auto", { advanced: true }),
  tracking: choice(TRACKING_MODES, "tracked", { advanced: true }),
  settleWithin: number(60, { min: 1, max: 86_400, unit: "s", advanced: true }),
  eventsInFlight: number(400, { min: 1, max: 100_000, unit: "events", advanced: true }),
};

/** The same, of a node that has no port but the one for refused events. */
const deadLetterProperties = Object.fromEntries(
  Object.entries<Property>(portProperties).map(([name, property]) => [
    name,
    { ...property, shownWhen: { property: "refused", is: ["port"] } },
  ]),
);

/** The properties of a component's node: its own, and those that its role brings. */
export function nodeProperties(declaration: Declaration): Properties {
  const refuses = canRefuse(declaration);
  const sends = declaration.outputs > 0 || hasRowPorts(declaration);
  return {
    ...declaration.properties,
    ...(refuses ? { refused: choice(REFUSAL_POLICIES, "block", { advanced: true }) } : {}),
    ...(sends ? portProperties : refuses ? deadLetterProperties : {}),
    ...(declaration.role === "channel"
      ? { attemptsBeforeSplit: number(3, { min: 1, max: 1000, advanced: true }) }
      : {}),
  };
}

/** Whether a node may have events that can never go on. A channel has them when ordinary nodes behind it fail for ever. */
export function canRefuse(declaration: Declaration): boolean {
  return declaration.canRefuse === true || declaration.role === "channel";
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
  return canRefuse(declaration) && values["refused"] === "port" ? outputPorts(declaration, values) : undefined;
}
