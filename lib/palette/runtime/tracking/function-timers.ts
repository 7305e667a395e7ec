import { afterTurn } from "./after-turn.js";
import type { DeliveryBook, MessageDelivery } from "./delivery-book.js";
import type { NodeContact } from "./node-contact.js";
import { outstandingTimers, shadow } from "./node-internals.js";

/**
 * Timers of a Function node: without `node.done()` in its code it completes a message when the code returns,
 * though a `setTimeout` may send later. The node keeps its timers in an array (10-function.js,
 * outstandingTimers); what is pushed there belongs to the message that the code works on, and that message
 * is not done with before the timer has run or was cleared.
 */
export class FunctionTimers {
  readonly #contact: NodeContact;
  readonly #book: DeliveryBook;
  readonly #current: () => MessageDelivery | undefined;
  readonly #owners = new Map<unknown, readonly MessageDelivery[]>();
  /** Whose code runs in this turn: a handler that was called, or a timer that fired. */
  readonly #inTurn = new Set<MessageDelivery>();
  readonly #restore: readonly (() => void)[] = [];

  /** `current`: the message whose handler the node is in now. */
  constructor(contact: NodeContact, book: DeliveryBook, current: () => MessageDelivery | undefined) {
    this.#contact = contact;
    this.#book = book;
    this.#current = current;
    const timers = outstandingTimers(contact.node);
    if (!timers) return;
    this.#restore = [
      shadow.method(timers, "push", (original, ids) => {
        for (const id of ids) this.#set(id);
        return original();
      }),
      shadow.method(timers, "splice", (original) => {
        const removed = original() as unknown[];
        for (const id of removed) this.#firedOrCleared(id);
        return removed;
      }),
    ];
  }

  unwatch(): void {
    for (const restore of this.#restore) restore();
  }

  /** Whose timer it is that runs now. */
  get running(): ReadonlySet<MessageDelivery> {
    return this.#inTurn;
  }

  /** The node's code begins with this message. */
  begins(delivery: MessageDelivery): void {
    this.#inThisTurn(delivery);
  }

  #set(id: unknown): void {
    const owners = this.#ownersNow();
    if (owners.length === 0) return;
    for (const owner of owners) owner.timers++;
    this.#owners.set(id, owners);
  }

  /** When in doubt all that it could be: that may wait too long, and never too short. */
  #ownersNow(): readonly MessageDelivery[] {
    const current = this.#current();
    if (current) return [current];
    return this.#inTurn.size > 0 ? [...this.#inTurn] : [...this.#contact.open];
  }

  #firedOrCleared(id: unknown): void {
    const owners = this.#owners.get(id);
    if (!owners) return;
    this.#owners.delete(id);
    for (const owner of owners) this.#inThisTurn(owner);
    // The array is told before the timer's code runs (10-function.js, setTimeout).
    afterTurn(() => {
      for (const owner of owners) if (--owner.timers === 0 && owner.completed) this.#book.end(owner);
    });
  }

  #inThisTurn(delivery: MessageDelivery): void {
    if (this.#inTurn.size === 0) afterTurn(() => this.#inTurn.clear());
    this.#inTurn.add(delivery);
  }
}
