/** How often an event arrives, by the sink. */
export type Arrivals = Readonly<Record<string, number>>;

/** Something that messages can be sent to. */
export interface Entry {
  readonly id: string;
  /** Whether its decisions depend on the payload, which then must be that of one event. */
  readonly single: boolean;
  /** Where a message of this event ends, which is all that is to be known of what lies behind. */
  arrivals(event: string): Arrivals;
}

/** The last part of an event's id is its place in the batch, and all that decisions depend on. */
export const EVENTS_OF_A_BATCH = 3;
const EXAMPLES = Array.from({ length: EVENTS_OF_A_BATCH }, (_, i) => `c:0:${i}`);

/** At all the sinks together, of the event that arrives most often. */
export function mostArrivals(entry: Entry): number {
  return Math.max(...EXAMPLES.map((event) => Object.values(entry.arrivals(event)).reduce((a, b) => a + b, 0)));
}

/** Whether each event arrives somewhere. */
export function takesAll(entry: Entry): boolean {
  return EXAMPLES.every((event) => Object.keys(entry.arrivals(event)).length > 0);
}

export function multiplied(arrivals: Arrivals, times: number): Arrivals {
  return Object.fromEntries(Object.entries(arrivals).map(([sink, count]) => [sink, count * times]));
}

export function sum(all: readonly Arrivals[]): Arrivals {
  const total: Record<string, number> = {};
  for (const one of all) for (const [sink, count] of Object.entries(one)) total[sink] = (total[sink] ?? 0) + count;
  return total;
}
