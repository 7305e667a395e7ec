import type { RedNode } from "../node-red.js";
import type { MessageDelivery } from "./delivery-book.js";
import { shadow } from "./node-internals.js";

export interface SwitchEvents {
  /** The node has done with a message. */
  ended(delivery: MessageDelivery): void;
  /** A property or a rule of it could not be evaluated, and so the message goes nowhere. */
  warned(delivery: MessageDelivery, text: string): void;
}

interface Turn {
  readonly delivery: MessageDelivery | undefined;
  readonly run: () => void;
  /** The node's handler has been called. */
  received: boolean;
  handled: boolean;
}

/** How long a message that another module's hook holds back may keep the ones behind it waiting, in milliseconds. */
const PATIENCE = 1000;

/**
 * Messages to a Switch one at a time. It never completes a message and has a queue of its own
 * (10-switch.js, processMessageQueue), so with several at once nobody could tell which of them it has done
 * with. For each it calls `send` once (with nothing when no rule matches), or `error`, or `warn` for a property
 * that cannot be read, and then takes one turn; so nothing is lost by waiting for that.
 */
export class SwitchTurns {
  readonly #node: RedNode;
  readonly #events: SwitchEvents;
  readonly #waiting: Turn[] = [];
  #now: Turn | undefined;
  #send: unknown;
  #restoreWarn: (() => void) | undefined;

  constructor(node: RedNode, events: SwitchEvents) {
    this.#node = node;
    this.#events = events;
    this.#watch();
  }

  /** All messages wait here, tracked or not, so that their order stays. */
  take(delivery: MessageDelivery | undefined, run: () => void): void {
    this.#waiting.push({ delivery, run, received: false, handled: false });
    if (!this.#now) this.#next();
  }

  /** The handler was called with the message of this turn. */
  received(): void {
    if (this.#now) this.#now.received = true;
  }

  /** It has done with the message of this turn: what it sends has been sent, or something went wrong. */
  handled(): void {
    const turn = this.#now;
    if (!turn || turn.handled) return;
    turn.handled = true;
    // After the node's own setImmediate, which it asks for later in this call stack.
    queueMicrotask(() => setImmediate(() => this.#end(turn)));
  }

  /** A deploy has given the node new wires, and with them a new `send`. */
  rewired(): void {
    if (this.#node.send === this.#send) return;
    this.#watch();
    this.handled();
  }

  unwatch(): void {
    this.#restoreWarn?.();
    if (this.#node.send === this.#send) shadow.restore(this.#node, "send");
    for (const { run } of this.#waiting.splice(0)) run();
  }

  #watch(): void {
    this.#restoreWarn ??= shadow.method(this.#node, "warn", (original, [text]) => {
      const delivery = this.#now?.delivery;
      if (delivery) this.#events.warned(delivery, String(text));
      original();
      this.handled();
    });
    shadow.method(this.#node, "send", (original) => {
      original();
      this.handled();
    });
    this.#send = this.#node.send;
  }

  #next(): void {
    const turn = this.#waiting.shift();
    this.#now = turn;
    if (!turn) return;
    if (this.#node.send !== this.#send) this.#watch();
    turn.run();
    if (turn.received) return;
    setTimeout(() => {
      if (!turn.received && !turn.handled) this.#end(turn, false);
    }, PATIENCE).unref();
  }

  #end(turn: Turn, handled = true): void {
    if (this.#now !== turn) return;
    if (turn.delivery && handled) this.#events.ended(turn.delivery);
    this.#next();
  }
}
