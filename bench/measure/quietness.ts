import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** How long to look, in milliseconds: the system counts in steps of ten. */
const LOOK = 300;
/** Cores in use by others up to which figures, not only ratios, can be believed. */
const QUIET = 0.2;

export interface Quietness {
  /** To be asked while nothing of the bench runs: says how much of the machine others use, if it is worth saying. */
  look(): Promise<string>;
  /** Over the whole run so far. */
  verdict(): string;
}

/** Watches what the rest of the machine does between rounds: the benches have no way to keep it still. */
export function watchOthers(): Quietness {
  const seen: number[] = [];
  return {
    async look() {
      const before = busyTime();
      const begun = performance.now();
      await sleep(LOOK);
      const cores = (busyTime() - before) / (performance.now() - begun);
      seen.push(cores);
      return cores > QUIET ? `  [others use ${cores.toFixed(1)} cores]` : "";
    },
    verdict() {
      const most = Math.max(0, ...seen);
      return most > QUIET
        ? `The machine was NOT QUIET: others used up to ${most.toFixed(1)} of ${cpus().length} cores between rounds. Go by the ratios, not by the figures.`
        : "The machine was quiet between rounds.";
    },
  };
}

function busyTime(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}
