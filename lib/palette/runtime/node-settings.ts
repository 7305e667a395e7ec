import { join } from "node:path";
import {
  canRefuse,
  deadLetterPort,
  nodeProperties,
  outputPorts,
  type PayloadForm,
  type RefusalPolicy,
  type TrackingMode,
} from "../../engine/common-properties.js";
import type { Declaration, SharedSettings } from "../../engine/component.js";
import type { Inlet } from "../../engine/contracts.js";
import type { HeadraceError } from "../../engine/errors.js";
import { readConfig } from "../../engine/properties.js";
import { RefusalExit } from "../../engine/refusal.js";
import type { DeployPhase } from "./deploy-phase.js";
import type { NodeFace } from "./node-face.js";
import type { NodeDefinition, NodeRed } from "./node-red.js";
import { PortWiring } from "./port-wiring.js";
import type { TrackingSettings } from "./tracking/tracked-inlet.js";
import { sharedSettingsOf } from "./shared-settings.js";

/** What every live node has: its settings, read once, and its ports. */
export interface NodeSettings {
  readonly id: string;
  readonly declaration: Declaration;
  readonly key: string;
  readonly face: NodeFace;
  /** The component's own properties, parsed. */
  readonly config: Record<string, never>;
  readonly shared: Readonly<Record<string, SharedSettings>>;
  /** See ComponentContext. */
  readonly storage: string;
  readonly payload: PayloadForm;
  readonly tracking: TrackingSettings;
  readonly ports: readonly PortWiring[];
  readonly deadLetterPort: number | undefined;
  readonly refusal: RefusalExit | undefined;
}

function userDirectory(red: NodeRed): string {
  const { userDir } = red.settings;
  return typeof userDir === "string" ? userDir : process.cwd();
}

export interface ReadDefinition {
  readonly config: Record<string, unknown>;
  readonly shared: Readonly<Record<string, SharedSettings>>;
  readonly problems: HeadraceError[];
  readonly key: string;
}

/** A node's definition, read by its declaration. `key` tells whether two definitions mean the same. */
export function readDefinition(
  red: NodeRed,
  declaration: Declaration,
  definition: NodeDefinition,
  credentials: Readonly<Record<string, string>> | undefined,
): ReadDefinition {
  const raw = { ...definition, ...credentials };
  const { config, problems } = readConfig(nodeProperties(declaration), raw, declaration.limits);
  const { shared, problems: unusable } = sharedSettingsOf(red, declaration, config);
  // A change in a config node is a change of everyone who refers to it.
  const key = JSON.stringify([declaration.type, config, shared]);
  return { config, shared, problems: [...problems, ...unusable], key };
}

export function settingsOf(
  red: NodeRed,
  declaration: Declaration,
  read: ReadDefinition,
  face: NodeFace,
  phase: DeployPhase,
  predecessor: Pick<NodeSettings, "ports" | "deadLetterPort"> | undefined,
): NodeSettings {
  const { config, shared, key } = read;
  const ports: PortWiring[] = [];
  for (let i = outputPorts(declaration, config); i > 0; i--) {
    // The predecessor's own ports go on: what it still has under way leaves by the wires of now.
    const same = predecessor?.deadLetterPort === ports.length ? undefined : predecessor?.ports[ports.length];
    ports.push(same ?? new PortWiring(phase));
  }
  const lastPort = deadLetterPort(declaration, config);
  if (lastPort !== undefined) ports.push(new PortWiring(phase));
  const refusedInlets = (): readonly Inlet[] => (lastPort === undefined ? [] : (ports[lastPort]?.current ?? []));
  return {
    id: face.id,
    declaration,
    key,
    face,
    // The reader has checked it against the declaration; components are typed by it.
    config: config as Record<string, never>,
    shared,
    storage: join(userDirectory(red), "headrace", face.id.replace(/[^\w.-]/g, "_")),
    payload: (config["payload"] as PayloadForm | undefined) ?? "auto",
    tracking: {
      mode: (config["tracking"] as TrackingMode | undefined) ?? "tracked",
      timeLimit: Number(config["settleWithin"]),
      inFlight: Number(config["eventsInFlight"]),
    },
    ports,
    deadLetterPort: lastPort,
    refusal: canRefuse(declaration)
      ? new RefusalExit(config["refused"] as RefusalPolicy, face.name, face.counters, refusedInlets)
      : undefined,
  };
}
