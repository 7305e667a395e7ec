import { number } from "./properties.js";

const DAY = 86_400_000;

/** How long a polled source waits after a poll that gave nothing or failed: see `linearBackoff`. */
export const pollingProperties = {
  backoffSleepIncrement: number(1000, { flumeKey: "backoffSleepIncrement", max: DAY, unit: "ms", advanced: true }),
  maxBackoffSleep: number(5000, { flumeKey: "maxBackoffSleep", max: DAY, unit: "ms", advanced: true }),
};
