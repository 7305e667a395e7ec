import { strict as assert } from "node:assert";
import { batchOf } from "../../../lib/engine/batch.js";
import { NEVER } from "../../../lib/engine/delivery.js";
import { copyHeaders, createEvent } from "../../../lib/engine/event.js";
import { numberBatch, textBatch } from "../../support/event-batches.js";
import { staysPending } from "../../support/pending.js";
import type { Behaviours } from "../behaviours.js";
import {
  assertGives,
  assertRoomFor,
  bodies,
  type ChannelBench,
  consumerOf,
  drain,
  LONG,
  prepare,
  put,
  putBatch,
  take,
} from "./channel-bench.js";

/** A batch that counts exactly as many bytes, header names and values among them. */
const ofBytes = (bytes: number) => batchOf([createEvent(Buffer.alloc(bytes - 5), copyHeaders({ name: "v" }))]);

export const room = {
  "makes a put wait while it is full, for its keep-alive, and then refuses it": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2, keepAlive: 1 });
    await put(channel, "1", "2");
    const begun = performance.now();
    await assert.rejects(prepare(channel, "3"), { code: "FLUME_CHANNEL_FULL", outcome: "none", retry: "later" });
    assert.ok(performance.now() - begun >= 950);
    await assertGives(channel, ["1", "2"]);
  },

  "lets a put that waits in as soon as there is room, which a commit makes and a rollback does not": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2, keepAlive: LONG });
    await put(channel, "1", "2");
    const consumer = consumerOf(channel);
    const waiting = prepare(channel, "3");
    const first = await take(consumer, 1);
    await first.rollback();
    assert.ok(await staysPending(waiting));
    await (await take(consumer, 1)).commit();
    await (await waiting).commit();
    await assertGives(channel, ["2", "3"]);
  },

  "lets a put that waits in when another one is aborted": async (bench) => {
    const channel = await bench.open({ capacity: 1, transactionCapacity: 1, keepAlive: LONG });
    const first = await prepare(channel, "1");
    const waiting = prepare(channel, "2");
    assert.ok(await staysPending(waiting));
    first.abort();
    await (await waiting).commit();
    await assertGives(channel, ["2"]);
  },

  "never lets a small put overtake a large one that waits": async (bench) => {
    const channel = await bench.open({ capacity: 4, transactionCapacity: 4, keepAlive: LONG });
    await put(channel, "1", "2", "3");
    const large = prepare(channel, "4", "5", "6");
    const small = prepare(channel, "7");
    assert.ok(await staysPending(small));
    const consumer = consumerOf(channel);
    await (await take(consumer, 1)).commit();
    assert.ok(await staysPending(large));
    await (await take(consumer, 1)).commit();
    await (await large).commit();
    assert.ok(await staysPending(small));
    await (await take(consumer, 1)).commit();
    await (await small).commit();
    await assertGives(channel, ["4", "5", "6", "7"]);
  },

  "lets the small put in once the large one before it has given up": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2, keepAlive: LONG });
    await put(channel, "1");
    const impatient = new AbortController();
    const large = channel.prepare(textBatch("2", "3"), impatient.signal);
    const small = prepare(channel, "4");
    assert.ok(await staysPending(small));
    impatient.abort();
    await assert.rejects(large, { code: "FLUME_DELIVERY_ABORTED" });
    await (await small).commit();
    await assertGives(channel, ["1", "4"]);
  },

  "admits puts in the order of their calls": async (bench) => {
    const channel = await bench.open({ capacity: 3, transactionCapacity: 3, keepAlive: LONG });
    await put(channel, "full", "full", "full");
    const puts = ["1", "2", "3", "4", "5", "6"].map(async (text) => (await prepare(channel, text)).commit());
    const consumer = consumerOf(channel);
    const all: string[] = [];
    while (all.length < 9) {
      const taken = await take(consumer, 1);
      all.push(...bodies(taken));
      await taken.commit();
    }
    await Promise.all(puts);
    assert.deepEqual(all.slice(3), ["1", "2", "3", "4", "5", "6"]);
  },

  "withdraws a put that waits when its signal aborts, and keeps nothing of it": async (bench) => {
    const channel = await bench.open({ capacity: 1, transactionCapacity: 1, keepAlive: LONG });
    await put(channel, "1");
    const stop = new AbortController();
    const waiting = channel.prepare(textBatch("2"), stop.signal);
    stop.abort();
    await assert.rejects(waiting, { code: "FLUME_DELIVERY_ABORTED", outcome: "none" });
    await assertGives(channel, ["1"]);
    await assertRoomFor(channel, 1);
  },

  "keeps what it has admitted when the signal aborts later": async (bench) => {
    const channel = await bench.open();
    const stop = new AbortController();
    const prepared = await channel.prepare(textBatch("1"), stop.signal);
    stop.abort();
    await prepared.commit();
    await assertGives(channel, ["1"]);
  },

  "admits at once or not at all when the signal has aborted before": async (bench) => {
    const channel = await bench.open({ capacity: 1, transactionCapacity: 1, keepAlive: LONG });
    await (await channel.prepare(textBatch("1"), AbortSignal.abort())).commit();
    await assert.rejects(channel.prepare(textBatch("2"), AbortSignal.abort()), { code: "FLUME_DELIVERY_ABORTED" });
    await assertGives(channel, ["1"]);
  },

  "refuses a batch beyond its limits for ever, and at once": async (bench) => {
    const channel = await bench.open({ capacity: 10, transactionCapacity: 3, keepAlive: LONG });
    assert.equal(channel.limits.events, 3);
    const refused = { code: "FLUME_BATCH_TOO_LARGE", retry: "never", outcome: "none" };
    await assert.rejects(channel.prepare(numberBatch(0, 4), NEVER), refused);
    await put(channel, "1", "2", "3");
    await put(channel, "4", "5", "6");
    await put(channel, "7", "8", "9");
    await assert.rejects(channel.prepare(numberBatch(0, 4), NEVER), refused, "also when it is full");
    assert.equal((await drain(channel, 9)).length, 9);
  },

  "refuses a batch beyond its limit of bytes for ever, headers counted": async (bench) => {
    const channel = await bench.open({ byteCapacity: 1000, keepAlive: LONG });
    const { bytes } = channel.limits;
    assert.ok(bytes <= 1000);
    await assert.rejects(channel.prepare(ofBytes(bytes + 1), NEVER), {
      code: "FLUME_BATCH_TOO_LARGE",
      retry: "never",
    });
    await putBatch(channel, ofBytes(bytes));
  },

  "makes a put wait for bytes as for events": async (bench) => {
    const channel = await bench.open({ byteCapacity: 1000, keepAlive: LONG });
    const { bytes } = channel.limits;
    await putBatch(channel, ofBytes(bytes - 10));
    const waiting = channel.prepare(ofBytes(11), NEVER);
    assert.ok(await staysPending(waiting));
    await (await take(consumerOf(channel))).commit();
    await (await waiting).commit();
  },

  "says that it is full of bytes": async (bench) => {
    const channel = await bench.open({ byteCapacity: 1000 });
    await putBatch(channel, ofBytes(channel.limits.bytes));
    await assert.rejects(prepare(channel, "1"), { code: "FLUME_CHANNEL_BYTES_FULL", retry: "later" });
  },

  "gives every byte back, however a put or a take ends": async (bench) => {
    const channel = await bench.open({ byteCapacity: 1000 });
    const { bytes } = channel.limits;
    const consumer = consumerOf(channel);
    for (let round = 0; round < 3; round++) {
      (await channel.prepare(ofBytes(bytes), NEVER)).abort();
      await putBatch(channel, ofBytes(bytes - 100));
      await putBatch(channel, ofBytes(100));
      const both = await take(consumer);
      await both.rollback();
      await (await take(consumer, 1)).commit();
      await (await take(consumer, 1)).commit();
    }
    await (await channel.prepare(ofBytes(bytes), NEVER)).commit();
    await assert.rejects(prepare(channel, "1"));
  },

  "counts what it holds, taken and not committed included": async (bench) => {
    const channel = await bench.open({ capacity: 50 });
    if (channel.capacity !== undefined) assert.equal(channel.capacity, 50);
    const sizes: (number | undefined)[] = [channel.size];
    await put(channel, "1", "2", "3");
    sizes.push(channel.size);
    const taken = await take(consumerOf(channel), 2);
    sizes.push(channel.size);
    await taken.commit();
    sizes.push(channel.size);
    await drain(channel, 1);
    sizes.push(channel.size);
    if (channel.size !== undefined) assert.deepEqual(sizes, [0, 3, 3, 1, 0]);
  },

  "accepts an empty batch, and is none the worse for it": async (bench) => {
    const channel = await bench.open();
    await put(channel);
    await put(channel, "1");
    await put(channel);
    await put(channel, "2");
    await assertGives(channel, ["1", "2"]);
    await put(channel);
    await put(channel, "3");
    await assertGives(channel, ["3"]);
  },
} satisfies Behaviours<ChannelBench>;
