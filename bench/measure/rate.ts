import { setTimeout as sleep } from "node:timers/promises";

/** How often a counter is read: rare enough to cost the side that is measured nothing that shows. */
const SAMPLE_EVERY_MS = 20;
/** A counter that stands still for so long will not move again. */
const STALLED_AFTER_MS = 15_000;

interface Sample {
  /** Milliseconds. */
  readonly at: number;
  readonly count: number;
}

/**
 * Events per second between the first tenth of a known number of events and their end: the start of a process,
 * of its compiler and of the connection are no part of the rate.
 */
export async function rateOf(total: number, read: () => Promise<number>): Promise<number> {
  const samples: Sample[] = [];
  let moved = performance.now();
  for (;;) {
    const sample = await takeSample(read);
    if (sample.count > (samples.at(-1)?.count ?? 0)) moved = sample.at;
    samples.push(sample);
    if (sample.count > total) throw new Error(`${sample.count} events were counted, ${total} were sent`);
    if (sample.count === total) break;
    if (sample.at - moved > STALLED_AFTER_MS) {
      throw new Error(`${sample.count} of ${total} events were counted, and no more in ${STALLED_AFTER_MS} ms`);
    }
    await sleep(SAMPLE_EVERY_MS);
  }
  const from = samples.find(({ count }) => count >= total / 10);
  // The sample that shows the end was taken some time after it: the one before was taken under load.
  const last = samples.findLast(({ count }) => count < total);
  const to = last !== undefined && last.count >= total * 0.8 ? last : samples.at(-1);
  if (from === undefined || to === undefined || to.at <= from.at) {
    throw new Error(`${total} events passed too quickly to be measured: send more`);
  }
  return rateBetween(from, to);
}

/** Events per second in a window of time, after a time to warm up: for sources that never end. */
export async function rateDuring(
  { warmUp, window }: { warmUp: number; window: number },
  read: () => Promise<number>,
  onWarm: () => Promise<void> = async () => {},
): Promise<number> {
  await sleep(warmUp);
  await onWarm();
  const from = await takeSample(read);
  await sleep(window);
  const to = await takeSample(read);
  if (to.count === from.count) throw new Error(`no event was counted in ${window} ms`);
  return rateBetween(from, to);
}

async function takeSample(read: () => Promise<number>): Promise<Sample> {
  const asked = performance.now();
  const count = await read();
  return { at: (asked + performance.now()) / 2, count };
}

function rateBetween(from: Sample, to: Sample): number {
  return ((to.count - from.count) * 1000) / (to.at - from.at);
}
