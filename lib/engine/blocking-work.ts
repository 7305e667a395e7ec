/** Threads of the process-wide pool (four, for file reads, DNS and gzip of everybody) that may be blocked at once. */
const MOST_AT_ONCE = 2;

const waiting: (() => void)[] = [];
let free = MOST_AT_ONCE;

/** Runs work that blocks a thread for long (fsync, large compression), when its turn has come: first come, first served. */
export async function blockingWork<T>(work: () => Promise<T>): Promise<T> {
  if (free > 0) free--;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else free++;
  }
}
