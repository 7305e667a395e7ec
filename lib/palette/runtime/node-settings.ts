import {
  deadLetterPort,
  nodeProperties,
  outputPorts,
  type PayloadForm,
  type RefusalPolicy,
} from "../../engine/common-properties.js";
import type { Declaration } from "../../engine/component.js";
import type { Inlet } from "../../engine/contracts.js";
import type { HeadraceError } from "../../engine/errors.js";
import { readConfig } from "../../engine/properties.js";
import { RefusalExit } from "../../engine/refusal.js";
import type { DeployPhase } from "./deploy-phase.js";
import type { NodeFace } from "./node-face.js";
import type { NodeDefinition } from "./node-red.js";
import { PortWiring } from "./port-wiring.js";

/** What every live node has: its settings, read once, and its ports. */
export interface NodeSettings {
  readonly id: string;
  readonly declaration: Declaration;
  readonly key: string;
  readonly face: NodeFace;
  /** The component's own properties, parsed. */
  readonly config: Record<string, never>;
  readonly payload: PayloadForm;
  readonly ports: readonly PortWiring[];
  readonly deadLetterPort: number | undefined;
  readonly refusal: RefusalExit | undefined;
}

/** A node's definition, read by its declaration. `key` tells whether two definitions mean the same. */
export function readDefinition(
  declaration: Declaration,
  definition: NodeDefinition,
  credentials: Readonly<Record<string, string>> | undefined,
): { config: Record<string, unknown>; problems: HeadraceError[]; key: string } {
  const raw = { ...definition, ...credentials };
  const { config, problems } = readConfig(nodeProperties(declaration), raw, declaration.limits);
  return { config, problems, key: JSON.stringify([declaration.type, config]) };
}

export function settingsOf(
  declaration: Declaration,
  read: { config: Record<string, unknown>; key: string },
  face: NodeFace,
  phase: DeployPhase,
): NodeSettings {
  const { config, key } = read;
  const ports: PortWiring[] = [];
  for (let i = outputPorts(declaration, config); i > 0; i--) ports.push(new PortWiring(phase));
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
    payload: (config["payload"] as PayloadForm | undefined) ?? "auto",
    ports,
    deadLetterPort: lastPort,
    refusal: declaration.canRefuse
      ? new RefusalExit(config["refused"] as RefusalPolicy, face.name, face.counters, refusedInlets)
      : undefined,
  };
}
