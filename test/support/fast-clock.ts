import type { Clock } from "../../lib/engine/clock.js";

/** A clock on which a second passes in ten milliseconds. */
export const fastClock: Clock = {
  now: () => performance.now() * 100,
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds / 100);
    return () => clearTimeout(timer);
  },
};
