import { setTimeout as sleep } from "node:timers/promises";

/** Long enough for whatever is not held up to come through, disk included. */
const LONG_ENOUGH = 30;

/** Whether the promise is still not settled after a while. */
export async function staysPending(promise: Promise<unknown>, milliseconds = LONG_ENOUGH): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  await sleep(milliseconds);
  return !settled;
}
