import type { Inlet } from "../../engine/contracts.js";
import type { RedNode } from "./node-red.js";

/**
 * A Flume node that batches can enter carries its inlet under this registered symbol, so that nodes of
 * another copy of this package are recognised too. The value is read anew at each deploy.
 */
export const INLET = Symbol.for("@headrace/inlet.v1");

export interface BrandedNode extends RedNode {
  readonly [INLET]?: () => Inlet | undefined;
}

export interface WireTargets {
  readonly flume: readonly BrandedNode[];
  /** Everything else that a message can be sent to. */
  readonly ordinary: readonly RedNode[];
}

/**
 * What a port leads to, through junctions, link nodes and into subflow instances. Disabled and missing
 * nodes are no targets. Each target counts once for each path, as with Node-RED's own messages.
 */
export function wireTargets(node: RedNode, port: number): WireTargets {
  const flume: BrandedNode[] = [];
  const ordinary: RedNode[] = [];
  const onPath = new Set<RedNode>();

  const follow = (from: RedNode, output: number): void => {
    for (const id of from.wires[output] ?? []) {
      const target = id ? from._flow.getNode(id) : undefined;
      if (!target) continue;
      if (INLET in target) flume.push(target as BrandedNode);
      else if (!passesOn(target)) ordinary.push(target);
      else if (!onPath.has(target)) {
        onPath.add(target);
        follow(target, 0);
        onPath.delete(target);
      }
    }
  };
  follow(node, port);
  return { flume, ordinary };
}

/** Nodes that hand every message on unchanged by their first output: real nodes at run time, but no stations. */
function passesOn(node: RedNode & { mode?: string }): boolean {
  if (node.type === "link out") return node.mode !== "return";
  return node.type === "junction" || node.type === "link in" || node.type.startsWith("subflow:");
}
