/** Lets puts begin in the order in which they came: one waits for those before it to begin, or to be given up. */
export class PutOrder {
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
