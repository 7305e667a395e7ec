import { createContext, type Context, Script } from "node:vm";

const script = new Script("work()");
let context: Context | undefined;

/**
 * Runs `work`, which only computes, for at most `milliseconds` (a whole number from 1); false when it was cut off.
 *
 * V8 looks for the watchdog's interrupt whenever its regular expressions go back to try another way, so one
 * that never ends is cut off in time: measured on Node 20 and 24, limits of 20 ms end after 19 to 21 ms. One
 * watchdog costs 65 to 100 µs, which a batch shares. A worker thread with `terminate()` would keep the main
 * thread free, but each text has to be copied there, and that costs more than matching it.
 */
export function endsWithin(milliseconds: number, work: () => void): boolean {
  context ??= createContext({});
  context["work"] = work;
  try {
    script.runInContext(context, { timeout: milliseconds });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return false;
    throw error;
  } finally {
    // What the work has looked at must not stay alive by it.
    context["work"] = undefined;
  }
}
