/**
 * Things by numbers that rise and are never given out twice. An array, and not a Map: in a Map that things come into
 * and leave all the time, V8 writes every few entries a new table, which the one before refers to. Once one of those
 * has reached old space, all that was ever in them stays until that is collected.
 */
export class NumberedTable<T extends { readonly number: number }> {
  /** By the last bits of the number; as long as a power of two, and at least half of it free. */
  #places: (T | undefined)[] = new Array<T | undefined>(64).fill(undefined);
  #size = 0;
  #last = 0;

  get size(): number {
    return this.#size;
  }

  /** For the next thing that is added. */
  nextNumber(): number {
    if (this.#size * 2 >= this.#places.length) this.#grow();
    const mask = this.#places.length - 1;
    do this.#last++;
    while (this.#places[this.#last & mask] !== undefined);
    return this.#last;
  }

  add(thing: T): void {
    this.#places[this.#placeOf(thing.number)] = thing;
    this.#size++;
  }

  get(number: number): T | undefined {
    const found = this.#places[this.#placeOf(number)];
    return found?.number === number ? found : undefined;
  }

  /** @returns whether it was there */
  delete(thing: T): boolean {
    const place = this.#placeOf(thing.number);
    if (this.#places[place] !== thing) return false;
    this.#places[place] = undefined;
    this.#size--;
    return true;
  }

  /** What is in it now; it may change meanwhile. */
  all(): readonly T[] {
    return this.#places.filter((thing) => thing !== undefined);
  }

  #placeOf(number: number): number {
    return number & (this.#places.length - 1);
  }

  /** What had places of their own have so in a longer one. */
  #grow(): void {
    const things = this.all();
    this.#places = new Array<T | undefined>(this.#places.length * 2).fill(undefined);
    for (const thing of things) this.#places[this.#placeOf(thing.number)] = thing;
  }
}
