import type { NodeMessage, NodeRed, RedNode, SendEvent } from "../node-red.js";
import type { Hooks } from "./node-internals.js";

const LABEL = "headrace";

export interface ReceiveEvent {
  readonly msg: NodeMessage;
  readonly destination: { readonly id: string; readonly node: RedNode };
}

export interface MessageHookHandlers {
  /** A message is about to be put into its target's queue. */
  delivering(event: SendEvent): void;
  /** A node is about to get a message; `next` goes on to its handler. */
  receiving(event: ReceiveEvent, next: () => void): void;
  /** The handler has been called and has returned. */
  received(event: ReceiveEvent): void;
}

/** The hooks of Node-RED's message path. Every message of every flow pays for them, so they come and go. */
export class MessageHooks {
  readonly #hooks: Hooks;
  readonly #handlers: MessageHookHandlers;
  #installed = false;
  #withReceived = false;

  constructor(red: NodeRed, handlers: MessageHookHandlers) {
    this.#hooks = (red as NodeRed & { hooks: Hooks }).hooks;
    this.#handlers = handlers;
  }

  get installed(): boolean {
    return this.#installed;
  }

  install(): void {
    if (this.#installed) return;
    this.#installed = true;
    // What an earlier load of this module left behind: the same label twice is an error.
    this.#hooks.remove(`*.${LABEL}`);
    const { delivering, receiving } = this.#handlers;
    // Node-RED looks at the number of parameters: one is called and done, any other number must call back,
    // and one that returns a promise delays the message (util/hooks.js, invokeStack).
    this.#hooks.add(`preDeliver.${LABEL}`, (event: SendEvent): void => delivering(event));
    this.#hooks.add(`onReceive.${LABEL}`, (event: ReceiveEvent, next: () => void): void => receiving(event, next));
  }

  /** Few nodes need to be watched after their handler, and each hook costs all messages. */
  installReceived(): void {
    if (this.#withReceived) return;
    this.#withReceived = true;
    const { received } = this.#handlers;
    this.#hooks.add(`postReceive.${LABEL}`, (event: ReceiveEvent): void => received(event));
  }

  remove(): void {
    if (!this.#installed) return;
    this.#installed = false;
    this.#withReceived = false;
    this.#hooks.remove(`*.${LABEL}`);
  }
}
