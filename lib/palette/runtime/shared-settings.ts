import type { Declaration, SharedSettings } from "../../engine/component.js";
import { HeadraceError } from "../../engine/errors.js";
import type { NodeRed, RedNode } from "./node-red.js";

/** A config node of this palette carries its settings under this registered symbol; undefined while they are wrong. */
export const SHARED_SETTINGS = Symbol.for("@headrace/shared-settings.v1");

interface ConfigShell extends RedNode {
  readonly [SHARED_SETTINGS]?: () => SharedSettings | undefined;
  /** Node-RED's own tls-config node. */
  addTLSOptions?(options: Record<string, unknown>): Record<string, unknown>;
}

/**
 * The config nodes that a node's properties refer to. Node-RED makes config nodes first, so they are there when
 * a constructor asks.
 */
export function sharedSettingsOf(
  red: NodeRed,
  declaration: Declaration,
  config: Readonly<Record<string, unknown>>,
): { shared: Record<string, SharedSettings>; problems: HeadraceError[] } {
  const shared: Record<string, SharedSettings> = {};
  const problems: HeadraceError[] = [];
  for (const [property, { kind, flumeKey }] of Object.entries(declaration.properties)) {
    const id = config[property];
    if (kind !== "node" || typeof id !== "string" || id === "") continue;
    const settings = settingsOf(red.nodes.getNode(id));
    if (settings) shared[property] = settings;
    else problems.push(new HeadraceError("FLUME_CONFIG_NODE_UNUSABLE", { field: flumeKey ?? property, value: id }));
  }
  return { shared, problems };
}

function settingsOf(node: ConfigShell | null | undefined): SharedSettings | undefined {
  if (!node) return undefined;
  if (node.addTLSOptions) {
    return { id: node.id, name: node.name ?? node.id, config: node.addTLSOptions({}), shared: {} };
  }
  return node[SHARED_SETTINGS]?.();
}
