import { Bag } from "./bag.js";

/**
 * Waiting for a signal that outlives the wait. Node.js keeps a removed listener's links to its neighbours, so a
 * listener added and removed for each batch on a signal that lives as long as its node keeps many batches alive for
 * a while (measured: a third of the processor went into collecting them). Here each signal has one listener for good.
 */
const waiting = new WeakMap<AbortSignal, Bag<() => void>>();

/** Calls `onAbort` once the signal aborts; not if it has already. Each call needs a function of its own. */
export function watchAbort(signal: AbortSignal, onAbort: () => void): void {
  let watchers = waiting.get(signal);
  if (!watchers) {
    const all = new Bag<() => void>();
    watchers = all;
    waiting.set(signal, all);
    signal.addEventListener(
      "abort",
      () => {
        // One that is called may end the wait of another, which is not to be told any more.
        for (const watcher of all.list()) if (all.has(watcher)) watcher();
      },
      { once: true },
    );
  }
  watchers.add(onAbort);
}

export function unwatchAbort(signal: AbortSignal, onAbort: () => void): void {
  waiting.get(signal)?.delete(onAbort);
}
