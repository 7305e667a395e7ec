import type { NodeMessage, NodeRed, RedNode, SendEvent } from "../node-red.js";
import type { Failure } from "./event-record.js";
import { NodeContact } from "./node-contact.js";
import { isInFlow, shadow } from "./node-internals.js";
import { endingOf } from "./node-rules.js";

/** What nodes and flows do that have had a tracked message. */
export interface ContactEvents {
  /** A node has its first one: the rules of its type are added here. */
  met(contact: NodeContact): void;
  /** `Node._complete`, which is what `done` calls. @returns what Catch nodes will be told of */
  completed(contact: NodeContact, message: NodeMessage, error: unknown): Failure | undefined;
  /** `Node.error`. @returns what Catch nodes will be told of */
  errored(contact: NodeContact, error: unknown, message: unknown): Failure | undefined;
  /** Calls `go`, which tells Catch nodes. */
  tell(failure: Failure, contact: NodeContact, error: unknown, go: () => unknown): void;
  /** `Flow.send`, before any hook. @returns whether any of it is tracked */
  sending(events: readonly SendEvent[]): boolean;
  /** `Flow.send` has returned, and some of it is tracked. */
  sent(events: readonly SendEvent[]): void;
}

/** Node objects that have had a tracked message, what is watched on them, and on their flows. */
export class NodeContacts {
  readonly #red: NodeRed;
  readonly #events: ContactEvents;
  readonly #contacts = new Map<RedNode, NodeContact>();
  readonly #flows = new Map<object, () => void>();

  constructor(red: NodeRed, events: ContactEvents) {
    this.#red = red;
    this.#events = events;
  }

  get(node: RedNode): NodeContact | undefined {
    return this.#contacts.get(node);
  }

  with(node: RedNode): NodeContact {
    let contact = this.#contacts.get(node);
    if (!contact) {
      contact = new NodeContact(node, endingOf(this.#red, node));
      this.#contacts.set(node, contact);
      this.#events.met(contact);
      this.#watch(contact);
      this.watchFlowOf(node);
    }
    return contact;
  }

  /** What all nodes of its flow send is seen from now on. */
  watchFlowOf({ _flow: flow }: RedNode): void {
    if (this.#flows.has(flow)) return;
    const events = this.#events;
    const restore = shadow.replace<[readonly SendEvent[]]>(
      flow,
      "send",
      (original) =>
        function (sent): void {
          const tracked = events.sending(sent);
          original.call(this, sent);
          if (tracked) events.sent(sent);
        },
    );
    this.#flows.set(flow, restore);
  }

  /** After a deploy: shadows on a node object go with it. */
  forgetReplaced(): void {
    for (const [node, contact] of this.#contacts) {
      if (isInFlow(this.#red, node)) contact.switchTurns?.rewired();
      else this.#contacts.delete(node);
    }
    const flows = new Set<object>([...this.#contacts.keys()].map((node) => node._flow));
    for (const [flow, restore] of this.#flows) {
      if (flows.has(flow)) continue;
      // A flow may go on though all its nodes are new.
      restore();
      this.#flows.delete(flow);
    }
  }

  /** All nodes and flows are as they were. */
  leaveAll(): void {
    for (const contact of this.#contacts.values()) contact.leave();
    for (const restore of this.#flows.values()) restore();
    this.#contacts.clear();
    this.#flows.clear();
  }

  #watch(contact: NodeContact): void {
    const { node } = contact;
    const events = this.#events;
    contact.onLeave(
      shadow.replace<[NodeMessage, unknown]>(
        node,
        "_complete",
        (original) =>
          function (message, error): void {
            const failure = events.completed(contact, message, error);
            if (failure) events.tell(failure, contact, error, () => original.call(this, message, error));
            else original.call(this, message, error);
          },
      ),
    );
    contact.onLeave(
      shadow.method(node, "error", (original, [error, message]) => {
        // `_complete` has told it already.
        if (contact.telling !== undefined && contact.telling === error) return original();
        const failure = events.errored(contact, error, message);
        return failure ? events.tell(failure, contact, error, original) : original();
      }),
    );
  }
}
