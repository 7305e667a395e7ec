import { strict as assert } from "node:assert";
import { staysPending } from "../../support/pending.js";
import type { Behaviours } from "../behaviours.js";
import {
  assertGives,
  bodies,
  type ChannelBench,
  consumerOf,
  drain,
  prepare,
  put,
  take,
  takeNow,
} from "./channel-bench.js";

export const order = {
  "gives events in the order of admission": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1", "2");
    await put(channel, "3");
    await put(channel, "4", "5", "6");
    await assertGives(channel, ["1", "2", "3", "4", "5", "6"]);
  },

  "keeps the order of admission whatever the order of commits": async (bench) => {
    const channel = await bench.open();
    const first = await prepare(channel, "1");
    const second = await prepare(channel, "2");
    const third = await prepare(channel, "3");
    await third.commit();
    await first.commit();
    await second.commit();
    await assertGives(channel, ["1", "2", "3"]);
  },

  "gives nothing that is not committed, and nothing from behind it": async (bench) => {
    const channel = await bench.open();
    const first = await prepare(channel, "1");
    await put(channel, "2");
    assert.equal(await takeNow(consumerOf(channel)), undefined);
    await first.commit();
    await assertGives(channel, ["1", "2"]);
  },

  "goes on behind a put that was aborted": async (bench) => {
    const channel = await bench.open();
    const first = await prepare(channel, "1");
    await put(channel, "2");
    const taking = take(consumerOf(channel));
    assert.ok(await staysPending(taking));
    first.abort();
    assert.deepEqual(bodies(await taking), ["2"]);
  },

  "wakes a take that waits": async (bench) => {
    const channel = await bench.open();
    const taking = take(consumerOf(channel));
    assert.ok(await staysPending(taking));
    await put(channel, "1");
    assert.deepEqual(bodies(await taking), ["1"]);
  },

  "gives at most the events asked for, the rest next, across puts of any size": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1", "2", "3", "4", "5");
    await put(channel, "6", "7");
    const consumer = consumerOf(channel);
    const taken: string[][] = [];
    for (const events of [2, 2, 2, 2]) taken.push(bodies(await take(consumer, events)));
    assert.deepEqual(taken, [["1", "2"], ["3", "4"], ["5", "6"], ["7"]]);
  },

  "gives at most the bytes asked for, but at least one event": async (bench) => {
    const channel = await bench.open();
    await put(channel, "aaaa", "bbbb", "cccc", "dddddddddd", "e");
    const consumer = consumerOf(channel);
    const taken: string[] = [];
    for (let left = 5; left > 0; ) {
      const next = bodies(await take(consumer, Infinity, 8));
      assert.ok(next.length === 1 || next.join("").length <= 8, next.join());
      left -= next.length;
      taken.push(...next);
    }
    assert.deepEqual(taken, ["aaaa", "bbbb", "cccc", "dddddddddd", "e"]);
  },

  "puts events back where they were": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1", "2", "3");
    const consumer = consumerOf(channel);
    const taken = await take(consumer, 2);
    await taken.rollback();
    assert.deepEqual(bodies(await take(consumer, 1)), ["1"]);
    await assertGives(channel, ["2", "3"]);
  },

  "puts the events of several leases back where they were, in whatever order they come": async (bench) => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [2, 0, 1],
    ];
    for (const given of orders) {
      const channel = await bench.open();
      await put(channel, "1", "2", "3", "4", "5");
      await put(channel, "6", "7", "8");
      const consumer = consumerOf(channel);
      const takes = [await take(consumer, 2), await take(consumer, 3), await take(consumer, 2)];
      for (const index of given) await takes[index]?.rollback();
      await assertGives(channel, ["1", "2", "3", "4", "5", "6", "7", "8"], given.join());
    }
  },

  "closes the gap where a lease between two others was committed": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1", "2", "3", "4", "5", "6");
    const consumer = consumerOf(channel);
    const takes = [await take(consumer, 2), await take(consumer, 2), await take(consumer, 2)];
    await takes[2]?.rollback();
    await takes[1]?.commit();
    await takes[0]?.rollback();
    await assertGives(channel, ["1", "2", "5", "6"]);
  },

  "gives what was rolled back before what was put in the meantime": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1");
    const taken = await take(consumerOf(channel));
    await put(channel, "2");
    await taken.rollback();
    await assertGives(channel, ["1", "2"]);
  },

  "gives every event once, to one of its consumers": async (bench) => {
    const channel = await bench.open();
    const consumers = [channel.connect({ id: "a", maxLeases: 1 }), channel.connect({ id: "b", maxLeases: 1 })];
    const all: string[] = [];
    const pumps = consumers.map(async (consumer) => {
      for (let taken = await takeNow(consumer, 3); taken; taken = await takeNow(consumer, 3)) {
        all.push(...bodies(taken));
        await taken.commit();
      }
    });
    const sent = Array.from({ length: 60 }, (_, i) => String(i));
    for (let i = 0; i < 60; i += 4) await put(channel, ...sent.slice(i, i + 4));
    await Promise.all(pumps);
    all.push(...(await drain(channel, sent.length - all.length)));
    assert.deepEqual(
      all.map(Number).sort((a, b) => a - b),
      sent.map(Number),
    );
  },
} satisfies Behaviours<ChannelBench>;
