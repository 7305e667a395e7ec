import type { NodeRed, RedNode } from "../node-red.js";
import { calledBy, catchNodesOf, completeNodesOf } from "./node-internals.js";
import { bestEffortReason, type BestEffortReason, isFlumeNode } from "./node-rules.js";

/** Why a path is best effort, and the node that makes it so. */
export interface PathLabel {
  readonly reason: BestEffortReason;
  readonly node: RedNode;
}

/** What lies behind one wire. */
interface Path {
  /** Every ordinary node that messages can come to. */
  readonly nodes: readonly RedNode[];
  /** What is known of them before anything runs. */
  readonly label: PathLabel | undefined;
}

/** Knows of each path whether it is tracked, by what stands on it and by what was seen. */
export class PathLabels {
  readonly #red: NodeRed;
  readonly #seen = new WeakMap<RedNode, BestEffortReason>();
  /** By the node that a path begins with; those of a deploy ago go with their node objects. */
  #paths = new WeakMap<RedNode, Path>();

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
    return this.#pathFrom(target).nodes;
  }

  /** Undefined when the path from `target` on is tracked. */
  of(target: RedNode): PathLabel | undefined {
    const { nodes, label } = this.#pathFrom(target);
    for (const node of nodes) {
      const reason = this.#seen.get(node);
      if (reason) return { reason, node };
    }
    return label;
  }

  #pathFrom(target: RedNode): Path {
    let path = this.#paths.get(target);
    if (!path) {
      const nodes = nodesFrom(this.#red, target);
      path = { nodes, label: firstBestEffort(this.#red, nodes) };
      this.#paths.set(target, path);
    }
    return path;
  }
}

function firstBestEffort(red: NodeRed, nodes: readonly RedNode[]): PathLabel | undefined {
  for (const node of nodes) {
    const reason = bestEffortReason(red, node);
    if (reason) return { reason, node };
  }
  return undefined;
}

/**
 * Every node that messages can come to, up to the next Flume nodes. What a Catch node starts belongs to it if a Flume
 * node can accept something there: elsewhere the event counts as failed, whatever becomes of the message.
 */
function nodesFrom(red: NodeRed, target: RedNode): readonly RedNode[] {
  const nodes = new Set<RedNode>([target]);
  for (const node of nodes) {
    if (isFlumeNode(node)) continue;
    for (const next of nextNodes(red, node)) nodes.add(next);
    for (const catcher of catchNodesOf(node)) {
      if (!nodes.has(catcher) && leadsToFlume(red, catcher)) nodes.add(catcher);
    }
  }
  return [...nodes].filter((node) => !isFlumeNode(node));
}

function leadsToFlume(red: NodeRed, from: RedNode): boolean {
  const nodes = new Set<RedNode>([from]);
  for (const node of nodes) {
    if (isFlumeNode(node)) return true;
    for (const next of nextNodes(red, node)) nodes.add(next);
  }
  return false;
}

/** By wires, by a call, and what is told that a message was completed. */
function nextNodes(red: NodeRed, node: RedNode): readonly RedNode[] {
  const next = [...completeNodesOf(node)];
  for (const id of (node.wires ?? []).flat()) {
    const target = id ? node._flow.getNode(id) : undefined;
    if (target) next.push(target);
  }
  const called = calledBy(red, node);
  if (called) next.push(called);
  return next;
}
