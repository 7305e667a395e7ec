/**
 * A few things that come and go with every batch, in no order. A `Set` used like this leaves a chain of outgrown tables
 * behind, each of which keeps the next one alive: most of what survived a collection was that (measured).
 */
export class Bag<T> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    this.#items.push(item);
  }

  delete(item: T): void {
    const index = this.#items.lastIndexOf(item);
    if (index === -1) return;
    const last = this.#items.pop() as T;
    if (index < this.#items.length) this.#items[index] = last;
  }

  has(item: T): boolean {
    return this.#items.includes(item);
  }

  /** As of now: the bag may change while the list is walked. */
  list(): readonly T[] {
    return [...this.#items];
  }
}
