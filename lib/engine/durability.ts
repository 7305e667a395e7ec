import type { Declaration } from "./component.js";

/**
 * What of a channel's events survives. `partial`: what is on the disk does, what is in memory does not.
 * `process-crash`: the end of the process repeats and loses nothing that was answered, a power failure may.
 */
export const DURABILITIES = ["none", "partial", "process-crash", "power-loss"] as const;
export type Durability = (typeof DURABILITIES)[number];

/** A promise that hangs on settings. Plain data: the editor tells it too, as one types. */
export interface DurabilityRule {
  readonly promises: Durability;
  /** The first that applies counts in its place. */
  readonly unless: readonly DurabilityException[];
}

export interface DurabilityException {
  /** Properties and their values; all of them. */
  readonly when: Readonly<Record<string, string | number | boolean>>;
  readonly promises: Durability;
}

/** What a component promises with these settings; undefined where it holds nothing. */
export function durabilityOf(
  { durability, properties }: Pick<Declaration, "durability" | "properties">,
  config: Readonly<Record<string, unknown>>,
): Durability | undefined {
  if (durability === undefined || typeof durability === "string") return durability;
  const has = ([name, value]: [string, unknown]) => String(config[name] ?? properties[name]?.default) === String(value);
  return durability.unless.find(({ when }) => Object.entries(when).every(has))?.promises ?? durability.promises;
}

/** The properties that what a component promises hangs on. */
export function durabilityProperties({ durability }: Pick<Declaration, "durability">): readonly string[] {
  if (durability === undefined || typeof durability === "string") return [];
  return [...new Set(durability.unless.flatMap(({ when }) => Object.keys(when)))];
}
