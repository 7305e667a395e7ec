/**
 * Calls `run` when the callback that runs now and every microtask that follows from it have ended, and before
 * anything else of the event loop: a tick that a microtask asks for comes after all microtasks (Node's
 * processTicksAndRejections).
 */
export function afterTurn(run: () => void): void {
  queueMicrotask(() => process.nextTick(run));
}
