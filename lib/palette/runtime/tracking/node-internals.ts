import type { NodeDefinition, NodeMessage, NodeRed, RedNode, SendEvent } from "../node-red.js";

/**
 * Every reach into what Node-RED does not promise, the same on 4.1 and 5; each is named with its file in
 * `@node-red/runtime/lib` or `@node-red/nodes/core`. What is missing here degrades to best effort.
 */

/** nodes/Node.js. */
interface NodeInternals {
  /** Handlers that take `done`, counted by `Node.prototype.on`. */
  _expectedDoneCount?: unknown;
  /** What `done` calls. */
  _complete(message: NodeMessage, error?: unknown): void;
}

/** flows/Flow.js: `send` of the flow that a node belongs to, which every `node.send` ends in. */
interface FlowInternals {
  getNode(id: string): RedNode | null | undefined;
  send(events: readonly SendEvent[]): void;
}

/** Public since Node-RED 1.3 (util/hooks.js); typed here because `@types/node-red` lacks it. */
export interface Hooks {
  add(name: string, handler: (...given: never[]) => unknown): void;
  remove(name: string): void;
}

/** What tracking needs and does not find, or undefined. `node`: any node object, as an example. */
export function missingInternal(red: NodeRed, node: RedNode): string | undefined {
  const { hooks } = red as { hooks?: Partial<Hooks> };
  if (typeof hooks?.add !== "function" || typeof hooks.remove !== "function") return "RED.hooks";
  const internals = node as RedNode & Partial<NodeInternals>;
  if (typeof internals._complete !== "function") return "Node._complete";
  if (typeof internals._expectedDoneCount !== "number") return "Node._expectedDoneCount";
  const flow: Partial<FlowInternals> | undefined = node._flow;
  if (typeof flow?.send !== "function") return "Flow.send";
  if (typeof flow.getNode !== "function") return "Flow.getNode";
  return undefined;
}

export function expectsDone(node: RedNode): boolean {
  return (node as RedNode & Partial<NodeInternals>)._expectedDoneCount !== 0;
}

/** What stands in the flow for a node, as the editor saved it: node objects keep of it what they like. */
export function definitionOf(red: NodeRed, node: RedNode): NodeDefinition | undefined {
  // A node in a subflow instance has the definition of the subflow's node.
  const id = node._alias ?? node.id;
  let found: NodeDefinition | undefined;
  red.nodes.eachNode?.((definition) => {
    if (definition.id === id) found = definition;
  });
  return found;
}

/** Whether messages for its id would reach this very object now: a deploy may have put another one in its place. */
export function isInFlow(red: NodeRed, node: RedNode): boolean {
  return red.nodes.getNode(node.id) === node;
}

/** Where a message is going, looked up as Flow.js does it. */
export function targetOf(event: SendEvent): RedNode | null | undefined {
  return event.source.node._flow.getNode(event.destination.id);
}

/** flows/Flow.js and Subflow.js: what sends messages on without a wire. */
interface UnwiredRoutes {
  readonly parent?: UnwiredRoutes;
  /** Of a subflow instance: the node that stands for it on the flow around it. */
  readonly node?: RedNode;
  readonly catchNodes?: readonly Scoped[];
  readonly completeNodeMap?: Readonly<Record<string, readonly RedNode[]>>;
  readonly groups?: Readonly<Record<string, { readonly g?: string }>>;
  readonly activeNodes?: Readonly<Record<string, RedNode>>;
}

/** A Catch node, or any node that may lie in a group. */
interface Scoped extends RedNode {
  /** Ids of nodes, "group", or absent for all of the flow. */
  readonly scope?: readonly string[] | "group" | null;
  readonly g?: string;
}

/** Complete nodes that are told what this node completes. */
export function completeNodesOf(node: RedNode): readonly RedNode[] {
  return (node._flow as UnwiredRoutes).completeNodeMap?.[node.id] ?? [];
}

/** Catch nodes that an error of this node may come to (Flow.handleError), in the flows around it as well. */
export function catchNodesOf(node: RedNode): readonly RedNode[] {
  const found: RedNode[] = [];
  let reporting: Scoped = node;
  for (let flow: UnwiredRoutes | undefined = node._flow as UnwiredRoutes; flow; flow = flow.parent) {
    for (const one of flow.catchNodes ?? []) if (isInScope(one, reporting, flow)) found.push(one);
    reporting = flow.node ?? reporting;
  }
  return found;
}

function isInScope({ scope, g: ofGroup }: Scoped, node: Scoped, { groups = {} }: UnwiredRoutes): boolean {
  if (Array.isArray(scope)) return scope.includes(node.id);
  if (scope !== "group") return true;
  let group = node.g;
  while (group !== undefined && group !== ofGroup) group = groups[group]?.g;
  return group !== undefined;
}

/** What a link call node calls, unless its messages choose (60-link.js). */
export function calledBy(red: NodeRed, node: RedNode): RedNode | undefined {
  if (node.type !== "link call") return undefined;
  const definition = definitionOf(red, node);
  const links = definition?.["links"];
  const target: unknown = Array.isArray(links) ? links[0] : undefined;
  if (definition?.["linkType"] === "dynamic" || typeof target !== "string") return undefined;
  // In a subflow instance every node has an id of its own.
  const around = Object.values((node._flow as UnwiredRoutes).activeNodes ?? {});
  return around.find(({ _alias }) => _alias === target) ?? red.nodes.getNode(target) ?? undefined;
}

/** nodes/core/function/10-function.js. */
export function outstandingTimers(node: RedNode): unknown[] | undefined {
  const { outstandingTimers: timers } = node as RedNode & { outstandingTimers?: unknown };
  return node.type === "function" && Array.isArray(timers) ? timers : undefined;
}

type Method<A extends unknown[]> = (this: unknown, ...given: A) => unknown;
type Around = (original: () => unknown, given: readonly unknown[]) => unknown;

/** Methods of single objects replaced by own properties, so that other objects of their class pay nothing. */
export const shadow = {
  /** `around` is called in place of the method. @returns takes the shadow away */
  method(target: object, name: string, around: Around): () => void {
    return shadow.replace<unknown[]>(target, name, (method) => {
      return function (...given): unknown {
        return around(() => method.apply(this, given), given);
      };
    });
  },

  /** The same for what is called with each message: `make` returns the method to call instead. */
  replace<A extends unknown[]>(target: object, name: string, make: (method: Method<A>) => Method<A>): () => void {
    const method: unknown = Reflect.get(target, name);
    if (typeof method !== "function") return () => undefined;
    const hadOwn = Object.hasOwn(target, name);
    const replacement = make(method as Method<A>);
    originals.set(replacement, { method, hadOwn });
    Object.defineProperty(target, name, { value: replacement, writable: true, configurable: true, enumerable: false });
    return () => {
      // Somebody may have replaced it since.
      if (Reflect.get(target, name) === replacement) shadow.restore(target, name);
    };
  },

  restore(target: object, name: string): void {
    const original = originals.get(Reflect.get(target, name) as object);
    if (!original) return;
    if (original.hadOwn) Reflect.set(target, name, original.method);
    else Reflect.deleteProperty(target, name);
  },
};

const originals = new WeakMap<object, { method: unknown; hadOwn: boolean }>();
