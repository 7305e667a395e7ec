// A file channel by itself, under load, in a process of its own.
//   node file-channel-load.js pass FOLDER BATCH BODY_BYTES MILLISECONDS PUTTERS SYNC_DELAY   puts and takes at full speed
//   node file-channel-load.js fill FOLDER BATCH BODY_BYTES EVENTS     puts, prints {"peakRss":…}, and kills itself
//   node file-channel-load.js open FOLDER BATCH BODY_BYTES EVENTS     opens what fill left; takes it all
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { batchOf } from "../../lib/engine/batch.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { createEvent } from "../../lib/engine/event.js";
import { realFileSystem } from "../../nodes/channels/file/file-system.js";
import { LARGEST_SIZE } from "../../nodes/channels/file/segment-store.js";
import { withFiles } from "../../test/channels/file/support/altered-files.js";
import { openChannel } from "../../test/channels/file/support/channels.js";

/** One take asks for as much as a sink with this batch size. */
const TAKE = 1000;

const [mode = "", folder = ".", ...numbers] = process.argv.slice(2);
const [batch = 100, bodyBytes = 100, amount = 1000, putters = 1, syncDelay = 0] = numbers.map(Number);

const delay = monitorEventLoopDelay({ resolution: 1 });
const loop = () => ({ p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 });
const peakRss = () => process.resourceUsage().maxRSS * 1024;

/** The disk of this machine, with so many milliseconds more for each sync: what other disks take. */
const slower = (milliseconds: number) =>
  withFiles(realFileSystem, (file) => ({
    sync: async () => {
      await file.sync();
      await sleep(milliseconds);
    },
  }));

const open = () =>
  openChannel(
    folder,
    { largestSegment: LARGEST_SIZE, capacity: 2_000_000, keepAlive: 10 },
    { fileSystem: syncDelay > 0 ? slower(syncDelay) : realFileSystem },
  );

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

async function fill(): Promise<unknown> {
  const { channel } = await open();
  delay.enable();
  const from = performance.now();
  for (let first = 0; first < amount; first += batch) {
    const prepared = await channel.prepare(newBatch(first), NEVER);
    await prepared.commit();
  }
  const eventsPerSecond = (amount * 1000) / (performance.now() - from);
  return { eventsPerSecond, peakRss: peakRss(), loop: loop() };
}

async function openAgain(): Promise<unknown> {
  delay.enable();
  const from = performance.now();
  const { channel } = await open();
  const opened = performance.now() - from;
  const { size } = channel;
  const consumer = channel.connect({ id: "taker", maxLeases: 1 });
  while (channel.size > 0) {
    const some = await consumer.take({ events: TAKE, bytes: Number.POSITIVE_INFINITY }, NEVER);
    await some?.commit();
  }
  const drained = performance.now() - from - opened;
  await channel.stop();
  return { opened, events: size, eventsPerSecond: (size * 1000) / drained, peakRss: peakRss(), loop: loop() };
}

async function main(): Promise<void> {
  const measured = mode === "pass" ? await pass() : mode === "fill" ? await fill() : await openAgain();
  console.log(JSON.stringify(measured));
  if (mode === "fill") setImmediate(() => process.kill(process.pid, "SIGKILL"));
}

void main();
