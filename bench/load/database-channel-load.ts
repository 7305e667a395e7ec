// A database channel on SQLite by itself, under load, in a process of its own.
//   node database-channel-load.js pass FOLDER BATCH BODY_BYTES MILLISECONDS PUTTERS   puts and takes at full speed
//   node database-channel-load.js hold FOLDER BATCH BODY_BYTES EVENTS                 puts them all, then takes them all
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { batchOf } from "../../lib/engine/batch.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { createEvent } from "../../lib/engine/event.js";
import { openDatabaseChannel } from "../../test/channels/database/support/channels.js";

/** One take asks for as much as a sink with this batch size. */
const TAKE = 1000;

const [mode = "", folder = ".", ...numbers] = process.argv.slice(2);
const [batch = 100, bodyBytes = 100, amount = 1000, putters = 1] = numbers.map(Number);

const delay = monitorEventLoopDelay({ resolution: 1 });
const loop = () => ({ p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 });
const peakRss = () => process.resourceUsage().maxRSS * 1024;

const open = () => openDatabaseChannel(folder, { keepAlive: 10, capacity: 2_000_000 });

const newBatch = (first: number) =>
  batchOf(Array.from({ length: batch }, (_, i) => createEvent(Buffer.alloc(bodyBytes, String(first + i)))));

async function pass(): Promise<unknown> {
  const { channel } = await open();
  const stop = new AbortController();
  const same = newBatch(0);
  let taken = 0;
  const put = async () => {
    while (!stop.signal.aborted) {
      const prepared = await channel.prepare(same, NEVER);
      await prepared.commit();
    }
  };
  const take = async () => {
    const consumer = channel.connect({ id: "taker", maxLeases: 1 });
    for (;;) {
      const some = await consumer.take({ events: Math.max(batch, TAKE), bytes: Number.POSITIVE_INFINITY }, stop.signal);
      if (!some) return;
      await some.commit();
      taken += some.batch.length;
    }
  };
  const running = [...Array.from({ length: putters }, put), take()];
  await sleep(amount / 4);
  delay.enable();
  const [before, from] = [taken, performance.now()];
  await sleep(amount);
  const eventsPerSecond = ((taken - before) * 1000) / (performance.now() - from);
  const measured = { eventsPerSecond, peakRss: peakRss(), loop: loop() };
  stop.abort();
  await Promise.all(running);
  await channel.stop();
  return measured;
}

async function hold(): Promise<unknown> {
  const { channel } = await open();
  delay.enable();
  for (let first = 0; first < amount; first += batch) {
    const prepared = await channel.prepare(newBatch(first), NEVER);
    await prepared.commit();
  }
  const filled = peakRss();
  await channel.stop();
  const from = performance.now();
  const again = await open();
  const opened = performance.now() - from;
  const consumer = again.channel.connect({ id: "taker", maxLeases: 1 });
  while ((again.channel.size ?? 0) > 0) {
    const some = await consumer.take({ events: TAKE, bytes: Number.POSITIVE_INFINITY }, NEVER);
    await some?.commit();
  }
  const eventsPerSecond = (amount * 1000) / (performance.now() - from - opened);
  await again.channel.stop();
  return { opened, eventsPerSecond, peakRss: filled, loop: loop() };
}

async function main(): Promise<void> {
  console.log(JSON.stringify(mode === "pass" ? await pass() : await hold()));
}

void main();
