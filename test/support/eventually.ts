import { setTimeout as sleep } from "node:timers/promises";

export interface EventuallyOptions {
  /** Time limit in milliseconds. */
  within?: number;
  /** Pause between two looks, in milliseconds. */
  every?: number;
  /** Named in the error when the time is over. */
  what?: string;
}

/**
 * Looks again and again until the probe returns something truthy, and returns that. An error thrown by the probe
 * counts as "not yet", so assertions can be used as they are; the last one is the cause of the final error.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { within = 30_000, every = 20, what = "what the test waits for" }: EventuallyOptions = {},
): Promise<Exclude<T, undefined | null | false | 0 | "">> {
  const deadline = Date.now() + within;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value as Exclude<T, undefined | null | false | 0 | "">;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline) {
      const detail = last instanceof Error ? `: ${last.message}` : "";
      throw new Error(`After ${within} ms: no ${what}${detail}`, { cause: last });
    }
    await sleep(every);
  }
}
