/** The time of day and timers, to be replaced in tests of what happens by the clock. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `run` once after `milliseconds`. @returns cancels it */
  after(milliseconds: number, run: () => void): () => void;
}

/** Its timers are steady, its time of day is not: it may be set, also back. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** For how long things take, whatever happens to the time of day: `now` counts from the start of the process. */
export const steadyClock: Clock = { now: () => performance.now(), after: systemClock.after };
