import { strict as assert } from "node:assert";
import { NEVER } from "../../../lib/engine/delivery.js";
import { staysPending } from "../../support/pending.js";
import type { Behaviours } from "../behaviours.js";
import {
  assertRoomFor,
  bodies,
  type ChannelBench,
  consumerOf,
  assertGives,
  LONG,
  prepare,
  put,
  take,
  takeNow,
} from "./channel-bench.js";

const ANY = { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

export const transactions = {
  "refuses to commit a put that was aborted": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2 });
    const prepared = await prepare(channel, "1");
    prepared.abort();
    await assert.rejects(async () => prepared.commit());
    await assertGives(channel, []);
    await assertRoomFor(channel, 2);
  },

  "takes nothing back when a put is aborted after its commit": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2 });
    const prepared = await prepare(channel, "1");
    await prepared.commit();
    prepared.abort();
    await assertGives(channel, ["1"]);
    await assertRoomFor(channel, 2);
  },

  "keeps a put once, though it is committed twice": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2 });
    const prepared = await prepare(channel, "1");
    await prepared.commit();
    await assertGives(channel, ["1"]);
    await assert.rejects(async () => prepared.commit());
    await assertGives(channel, []);
    await assertRoomFor(channel, 2);
  },

  "gives room back once, though a put is aborted twice": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2 });
    await put(channel, "1");
    const prepared = await prepare(channel, "2");
    prepared.abort();
    prepared.abort();
    await assertRoomFor(channel, 1);
  },

  "ends a take once": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2 });
    await put(channel, "1", "2");
    const consumer = consumerOf(channel);
    const first = await take(consumer, 1);
    await first.commit();
    await assert.rejects(first.commit());
    await assert.rejects(first.rollback());
    const second = await take(consumer, 1);
    await second.rollback();
    await assert.rejects(second.commit());
    await assertGives(channel, ["2"]);
    await assertRoomFor(channel, 2);
  },

  "gives no more takes at once than agreed": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1", "2", "3");
    const consumer = channel.connect({ id: "consumer", maxLeases: 2 });
    const first = await take(consumer, 1);
    await take(consumer, 1);
    const third = take(consumer, 1);
    assert.ok(await staysPending(third));
    await first.commit();
    assert.deepEqual(bodies(await third), ["3"]);
  },

  "rolls open takes back when their consumer is closed, and tells who holds them": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1", "2", "3");
    const consumer = consumerOf(channel);
    const takes = [await take(consumer, 1), await take(consumer, 1)];
    const { lost } = takes[0] ?? assert.fail();
    assert.equal(lost.aborted, false);
    await consumer.close();
    assert.equal(lost.aborted, true);
    assert.equal(takes[1]?.lost.aborted, true, "also when asked afterwards");
    await assertGives(channel, ["1", "2", "3"]);
  },

  "refuses a commit that comes after its consumer was closed, and gives the events once more only": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2 });
    await put(channel, "1", "2");
    const consumer = consumerOf(channel);
    const late = await take(consumer);
    await consumer.close();
    await assert.rejects(late.commit(), { code: "FLUME_LEASE_LOST" });
    const next = await take(consumerOf(channel));
    assert.deepEqual(bodies(next), ["1", "2"]);
    await assert.rejects(late.commit(), { code: "FLUME_LEASE_LOST" });
    await late.rollback();
    await next.commit();
    await assertGives(channel, []);
    await assertRoomFor(channel, 2);
  },

  "leaves committed takes alone when their consumer is closed": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1", "2");
    const consumer = consumerOf(channel);
    const taken = await take(consumer, 1);
    await taken.commit();
    await consumer.close();
    await consumer.close();
    assert.equal(taken.lost.aborted, false);
    await assertGives(channel, ["2"]);
  },

  "ends a take that waits when its consumer is closed": async (bench) => {
    const channel = await bench.open();
    const consumer = consumerOf(channel);
    const waiting = consumer.take(ANY, NEVER);
    assert.ok(await staysPending(waiting));
    await consumer.close();
    assert.equal(await waiting, undefined);
    await put(channel, "1");
    assert.equal(await consumer.take(ANY, NEVER), undefined);
    await assertGives(channel, ["1"]);
  },

  "ends a take that waits when its signal aborts, and loses nothing": async (bench) => {
    const channel = await bench.open();
    const consumer = consumerOf(channel);
    const stop = new AbortController();
    const waiting = consumer.take(ANY, stop.signal);
    stop.abort();
    assert.equal(await waiting, undefined);
    await put(channel, "1");
    assert.equal(await consumer.take(ANY, stop.signal), undefined);
    assert.deepEqual(bodies(await take(consumer)), ["1"]);
  },

  "gives what one consumer rolls back to another that waits": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1");
    const first = await take(consumerOf(channel));
    const other = take(consumerOf(channel));
    assert.ok(await staysPending(other));
    await first.rollback();
    assert.deepEqual(bodies(await other), ["1"]);
  },

  "refuses puts once stopped, those that wait too, and takes them again when started again": async (bench) => {
    const channel = await bench.open({ capacity: 1, transactionCapacity: 1, keepAlive: LONG });
    await put(channel, "1");
    const waiting = assert.rejects(prepare(channel, "2"), { code: "FLUME_STOPPED", outcome: "none" });
    await channel.stop();
    await waiting;
    await assert.rejects(prepare(channel, "3"), { code: "FLUME_STOPPED" });
    await channel.start();
    await assertGives(channel, ["1"]);
    await put(channel, "4");
    await assertGives(channel, ["4"]);
  },

  "rolls open takes back when it stops, and has them, in order, when started again": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1", "2", "3", "4");
    const consumer = consumerOf(channel);
    await (await take(consumer, 1)).commit();
    const held = await take(consumer, 2);
    const waiting = takeNow(consumerOf(channel), 5);
    await (await waiting)?.rollback();
    await channel.stop();
    assert.equal(held.lost.aborted, true);
    await assert.rejects(held.commit(), { code: "FLUME_LEASE_LOST" });
    await channel.start();
    await assertGives(channel, ["2", "3", "4"]);
  },

  "ends takes that wait when it stops": async (bench) => {
    const channel = await bench.open();
    const waiting = consumerOf(channel).take(ANY, NEVER);
    assert.ok(await staysPending(waiting));
    await channel.stop();
    assert.equal(await waiting, undefined);
  },

  "either keeps or refuses a put that is committed after a stop": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2 });
    const prepared = await prepare(channel, "1");
    await channel.stop();
    const kept = await prepared.commit().then(
      () => true,
      () => false,
    );
    await channel.start();
    await assertGives(channel, kept ? ["1"] : []);
    await put(channel, "2", "3");
    await assertGives(channel, ["2", "3"]);
  },

  "stops in any state": async (bench) => {
    const channel = await bench.unstarted();
    await channel.stop();
    await channel.start();
    await channel.stop();
    await channel.stop();
    await channel.start();
    await put(channel, "1");
    await assertGives(channel, ["1"]);
  },
} satisfies Behaviours<ChannelBench>;
