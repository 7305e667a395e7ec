import type { NodeMessage, RedNode } from "../node-red.js";
import type { MessageDelivery } from "./delivery-book.js";

/** The node whose handler runs now, and with what. */
export class HandlerNow {
  #node: RedNode | undefined;
  #message: NodeMessage | undefined;
  #delivery: MessageDelivery | undefined;

  /** Calls the handler by `next`; `delivery` is absent for a message that is not tracked. */
  run(node: RedNode, message: NodeMessage, delivery: MessageDelivery | undefined, next: () => void): void {
    const outerNode = this.#node;
    const outerMessage = this.#message;
    const outerDelivery = this.#delivery;
    this.#node = node;
    this.#message = message;
    this.#delivery = delivery;
    try {
      next();
    } finally {
      this.#node = outerNode;
      this.#message = outerMessage;
      this.#delivery = outerDelivery;
    }
  }

  deliveryAt(node: RedNode): MessageDelivery | undefined {
    return this.#node === node ? this.#delivery : undefined;
  }

  /** Whether a message that the node sends now is, or was made of, one that is not tracked and that it has just got. */
  passesOnUntracked(node: RedNode, message: NodeMessage): boolean {
    return this.#node === node && !this.#delivery && this.#message?._msgid === message._msgid;
  }
}
