/** The part of Node-RED's runtime API that the palette uses, typed. Internals are marked; each is used in one place. */
export interface NodeMessage {
  payload?: unknown;
  flume?: unknown;
  [property: string]: unknown;
}

export type SendFunction = (message: NodeMessage) => void;
export type DoneFunction = (error?: unknown) => void;

export interface NodeStatus {
  fill?: "red" | "green" | "yellow" | "blue" | "grey";
  shape?: "dot" | "ring";
  text?: string;
}

export interface RedNode {
  id: string;
  type: string;
  name?: string;
  /** The tab, or the subflow instance. */
  z: string;
  credentials?: Record<string, string>;
  /** Internal, but stable since 0.20: target ids for each output; changed in place of a restart by "modified nodes" deploys. */
  wires: (string | null)[][];
  /** Internal: the running flow that the node belongs to. */
  _flow: {
    getNode(id: string): RedNode | null | undefined;
    send(events: readonly SendEvent[]): void;
  };
  _alias?: string;
  _path?: unknown;
  on(
    event: "input",
    handler: (this: RedNode, message: NodeMessage, send: SendFunction, done: DoneFunction) => void,
  ): void;
  on(event: "close", handler: (removed: boolean, done: () => void) => void): void;
  status(status: NodeStatus): void;
  log(text: string): void;
  warn(text: string): void;
  error(error: unknown, message?: NodeMessage): void;
  send(message: unknown): void;
  debug(text: string): void;
}

/** Internal: what a node's `send` makes of each message and wire. */
export interface SendEvent {
  msg: NodeMessage;
  source: { id: string; node: RedNode; port: number };
  destination: { id: string; node?: RedNode | undefined };
  cloneMessage: boolean;
}

export interface NodeDefinition {
  id: string;
  type: string;
  name?: string;
  [property: string]: unknown;
}

export interface FlowsEvent {
  config: { flows: readonly { id: string; type: string; d?: boolean; disabled?: boolean; z?: string }[] };
  type: string;
  diff?: Record<string, unknown> | null;
}

export interface Emitter {
  on(event: string, handler: (payload: never) => void): void;
}

export interface AdminApp {
  get(path: string, ...handlers: unknown[]): void;
}

export interface NodeRed {
  nodes: {
    createNode(node: RedNode, definition: NodeDefinition): void;
    getNode(id: string): RedNode | null | undefined;
    /** Every node of the flows that run, those in subflows once. */
    eachNode?(visit: (definition: NodeDefinition) => void): void;
    registerType(type: string, constructor: unknown, options?: Record<string, unknown>): void;
  };
  events: Emitter;
  settings: Readonly<Record<string, unknown>> & { lang?: string };
  comms: { publish(topic: string, data: unknown, retain?: boolean): void };
  util: {
    encodeObject(message: Record<string, unknown>, options: { maxLength: number }): Record<string, unknown>;
    generateId(): string;
  };
  auth: { needsPermission(permission: string): unknown };
  httpAdmin?: AdminApp;
  log: { info(text: string): void; warn(text: string): void };
}
