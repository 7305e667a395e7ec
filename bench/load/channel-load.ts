import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { batchOf, type EventBatch } from "../../lib/engine/batch.js";
import type { Channel } from "../../lib/engine/contracts.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { createEvent } from "../../lib/engine/event.js";

/*
 * What the scripts do that put a channel by itself under load, in a process of its own. They are called with
 *   MODE FOLDER BATCH BODY_BYTES AMOUNT …   and print what they have measured as JSON.
 */

/** One take asks for as much as a sink with this batch size. */
const TAKE = 1000;

const [mode = "", folder = ".", ...numbers] = process.argv.slice(2);
const [batch = 100, bodyBytes = 100, amount = 1000, ...more] = numbers.map(Number);

export const given = { mode, folder, amount, more };

const delay = monitorEventLoopDelay({ resolution: 1 });

/** From here on it counts how late the event loop is. */
export const watchLoop = () => void delay.enable();

export const ofProcess = () => ({
  peakRss: process.resourceUsage().maxRSS * 1024,
  loop: { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
});

const newBatch = (first: number) =>
  batchOf(Array.from({ length: batch }, (_, i) => createEvent(Buffer.alloc(bodyBytes, String(first + i)))));

async function put(channel: Channel, events: EventBatch): Promise<void> {
  const prepared = await channel.prepare(events, NEVER);
  await prepared.commit();
}

/** Puts and takes at full speed for `amount` milliseconds. */
export async function pass(channel: Channel, putters: number): Promise<unknown> {
  const stop = new AbortController();
  const same = newBatch(0);
  let taken = 0;
  const putAll = async () => {
    while (!stop.signal.aborted) await put(channel, same);
  };
  const takeAll = async () => {
    const consumer = channel.connect({ id: "taker", maxLeases: 1 });
    for (;;) {
      const some = await consumer.take({ events: Math.max(batch, TAKE), bytes: Number.POSITIVE_INFINITY }, stop.signal);
      if (!some) return;
      await some.commit();
      taken += some.batch.length;
    }
  };
  const running = [...Array.from({ length: putters }, putAll), takeAll()];
  await sleep(amount / 4);
  watchLoop();
  const [before, from] = [taken, performance.now()];
  await sleep(amount);
  const eventsPerSecond = ((taken - before) * 1000) / (performance.now() - from);
  const measured = { eventsPerSecond, ...ofProcess() };
  stop.abort();
  await Promise.all(running);
  await channel.stop();
  return measured;
}

/** Puts `amount` events; returns how many in a second. */
export async function fill(channel: Channel): Promise<number> {
  const from = performance.now();
  for (let first = 0; first < amount; first += batch) await put(channel, newBatch(first));
  return (amount * 1000) / (performance.now() - from);
}

/** Opens what was filled and takes it all. */
export async function takeOut<C extends Channel>(open: () => Promise<{ readonly channel: C }>) {
  const from = performance.now();
  const { channel } = await open();
  const opened = performance.now() - from;
  const events = channel.size ?? 0;
  const consumer = channel.connect({ id: "taker", maxLeases: 1 });
  while ((channel.size ?? 0) > 0) {
    const some = await consumer.take({ events: TAKE, bytes: Number.POSITIVE_INFINITY }, NEVER);
    await some?.commit();
  }
  const eventsPerSecond = (events * 1000) / (performance.now() - from - opened);
  await channel.stop();
  return { opened, events, eventsPerSecond };
}
