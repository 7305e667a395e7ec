export interface MappedChannel {
  readonly name: string;
  /** Separated by commas. */
  readonly values: string;
  readonly optionalValues: string;
  readonly isDefault: boolean;
  readonly optional: boolean;
}

/** Channels by their place in the list. None is in both. */
export interface Targets {
  readonly required: readonly number[];
  readonly optional: readonly number[];
}

/** Which channels a header's value leads to. Values count exactly as written, capitals and small letters apart. */
export class ValueMap {
  readonly #byValue = new Map<string, Targets>();
  readonly #otherwise: Targets | undefined;

  constructor(channels: readonly MappedChannel[]) {
    const mapped = channels.map(({ values }) => listOf(values));
    const optional = channels.map(({ optionalValues }) => listOf(optionalValues));
    const bestEffort = channels.map((channel) => channel.optional);
    const isDefault = channels.map((channel) => channel.isDefault);
    for (const value of new Set([...mapped, ...optional].flatMap((values) => [...values]))) {
      const leading = mapped.map((values) => values.has(value));
      // A value that is only named as an optional one goes to the default as well.
      const chosen = leading.includes(true) ? leading : isDefault;
      const extra = optional.map((values) => values.has(value));
      this.#byValue.set(value, targetsOf(chosen, extra, bestEffort));
    }
    if (isDefault.includes(true)) this.#otherwise = targetsOf(isDefault, [], bestEffort);
  }

  /** Undefined where the value leads nowhere. */
  targets(value: string | undefined): Targets | undefined {
    // A blank value is never in the map, so it goes to the default, as in Flume.
    return (value === undefined ? undefined : this.#byValue.get(value)) ?? this.#otherwise;
  }
}

function listOf(values: string): ReadonlySet<string> {
  return new Set(
    values
      .split(",")
      .map((value) => value.trim())
      .filter((value) => value !== ""),
  );
}

function targetsOf(chosen: readonly boolean[], extra: readonly boolean[], bestEffort: readonly boolean[]): Targets {
  const required: number[] = [];
  const optional: number[] = [];
  for (const [port, isChosen] of chosen.entries()) {
    if (isChosen && !bestEffort[port]) required.push(port);
    else if (isChosen || extra[port]) optional.push(port);
  }
  return { required, optional };
}
