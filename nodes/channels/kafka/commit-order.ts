/** Lets commits begin in the order of admission: one waits for those before it to begin or to be aborted. */
export class CommitOrder {
  readonly #line: Place[] = [];

  /** A place at the end of the line. */
  enter(): Place {
    const place = new Place(() => this.#advance());
    this.#line.push(place);
    return place;
  }

  #advance(): void {
    while (this.#line[0]?.passed) this.#line.shift();
    this.#line[0]?.first();
  }

  /** Resolves when everyone before has passed. */
  turn(place: Place): Promise<void> | undefined {
    if (this.#line[0] === place) return undefined;
    return new Promise((resolve) => (place.first = resolve));
  }
}

export class Place {
  passed = false;
  first: () => void = () => undefined;
  readonly #advance: () => void;

  constructor(advance: () => void) {
    this.#advance = advance;
  }

  pass(): void {
    this.passed = true;
    this.#advance();
  }
}
