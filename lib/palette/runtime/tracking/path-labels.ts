import type { NodeRed, RedNode } from "../node-red.js";
import { bestEffortReason, type BestEffortReason, isFlumeNode } from "./node-rules.js";

/** Why a path is best effort, and the node that makes it so. */
export interface PathLabel {
  readonly reason: BestEffortReason;
  readonly node: RedNode;
}

/** Knows of each path whether it is tracked, by what stands on it and by what was seen. */
export class PathLabels {
  readonly #red: NodeRed;
  readonly #seen = new WeakMap<RedNode, BestEffortReason>();
  /** Nodes of each path, by the node it begins with; those of a deploy ago go with their node objects. */
  #paths = new WeakMap<RedNode, readonly RedNode[]>();

  constructor(red: NodeRed) {
    this.#red = red;
  }

  sentLate(node: RedNode): void {
    this.#seen.set(node, "sentLate");
  }

  neverCompleted(node: RedNode): void {
    this.#seen.set(node, "neverCompletes");
  }

  /** Wires have changed. */
  forget(): void {
    this.#paths = new WeakMap();
  }

  /** Every ordinary node that messages can come to from `target` on, itself included. */
  nodesOf(target: RedNode): readonly RedNode[] {
    let nodes = this.#paths.get(target);
    if (!nodes) {
      nodes = nodesFrom(target);
      this.#paths.set(target, nodes);
    }
    return nodes;
  }

  /** Undefined when the path from `target` on is tracked. */
  of(target: RedNode): PathLabel | undefined {
    for (const node of this.nodesOf(target)) {
      const reason = this.#seen.get(node) ?? bestEffortReason(this.#red, node);
      if (reason) return { reason, node };
    }
    return undefined;
  }
}

/** Every node that messages can come to by wires, up to the next Flume nodes. */
function nodesFrom(target: RedNode): readonly RedNode[] {
  const nodes = new Set<RedNode>([target]);
  for (const node of nodes) {
    if (isFlumeNode(node)) continue;
    for (const id of (node.wires ?? []).flat()) {
      const next = id ? node._flow.getNode(id) : undefined;
      if (next) nodes.add(next);
    }
  }
  return [...nodes].filter((node) => !isFlumeNode(node));
}
