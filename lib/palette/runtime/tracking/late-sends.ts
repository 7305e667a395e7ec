import type { RedNode } from "../node-red.js";

/** Counts messages that nodes send for events that have come to a good end: such nodes call `done()` too early. */
export class LateSends {
  readonly #counts = new WeakMap<RedNode, number>();
  readonly #onFirst: (node: RedNode) => void;

  /** `onFirst` is called once for each node object. */
  constructor(onFirst: (node: RedNode) => void) {
    this.#onFirst = onFirst;
  }

  of(node: RedNode): number {
    return this.#counts.get(node) ?? 0;
  }

  count(node: RedNode): void {
    const count = this.of(node) + 1;
    this.#counts.set(node, count);
    if (count === 1) this.#onFirst(node);
  }
}
