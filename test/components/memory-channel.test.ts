import { strict as assert } from "node:assert";
import { batchOf, repeatedBatch } from "../../lib/engine/batch.js";
import { Counters } from "../../lib/engine/counters.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { createEvent } from "../../lib/engine/event.js";
import { readConfig } from "../../lib/engine/properties.js";
import { component } from "../../nodes/channels/memory/component.js";
import { MemoryChannel } from "../../nodes/channels/memory/memory-channel.js";
import { consumerOf, drain, drainBatches, put, putBatch, take } from "../conformance/channel/channel-bench.js";
import { testContext } from "../support/component-context.js";
import { staysPending } from "../support/pending.js";

function open(settings: Record<string, number> = {}) {
  const counters = new Counters();
  const { config } = readConfig(component.properties, settings);
  return { counters, config, channel: new MemoryChannel("memory", config, counters) };
}

describe("memory channel", () => {
  it("keeps alive the events it holds, not the large reads that they were cut from", async () => {
    const { channel } = open();
    const read = Buffer.alloc(64 * 1024, "x");
    await putBatch(channel, batchOf([createEvent(read.subarray(0, 10)), createEvent(read.subarray(10, 30))]));
    const { batch } = await take(consumerOf(channel));
    assert.equal(batch.length, 2);
    for (const { body } of batch) assert.ok(body.buffer.byteLength <= 1024, `${body.buffer.byteLength} bytes`);
  });

  it("keeps its events, its consumers and those who wait when its settings change", async () => {
    const { channel, config } = open({ capacity: 1, transactionCapacity: 1, keepAlive: 3600 });
    await put(channel, "1");
    const held = await take(consumerOf(channel));
    const waiting = put(channel, "2");
    assert.ok(await staysPending(waiting, 5));
    assert.equal(component.reconfigure?.(channel, { ...config, capacity: 2 }, testContext()), true);
    await waiting;
    assert.equal(channel.capacity, 2);
    await held.rollback();
    assert.deepEqual(await drain(channel), ["1", "2"]);
  });

  it("counts as Flume does", async () => {
    const { channel, counters } = open({ capacity: 3, transactionCapacity: 3, keepAlive: 0 });
    await put(channel, "1", "2");
    await assert.rejects(put(channel, "3", "4"));
    const taken = await take(consumerOf(channel));
    await taken.rollback();
    await drain(channel);
    const names = ["EventPutAttemptCount", "EventPutSuccessCount", "EventTakeAttemptCount", "EventTakeSuccessCount"];
    const { [names[0] ?? ""]: attempts, ...rest } = counters.toFlume("CHANNEL");
    assert.equal(attempts, "4");
    assert.deepEqual(
      names.slice(1).map((name) => rest[name]),
      ["2", "4", "2"],
    );
  });

  it("leaves a part of its byte capacity free for what is not counted", () => {
    const { channel } = open({ byteCapacity: 1000, byteCapacityBufferPercentage: 20 });
    assert.equal(channel.limits.bytes, 800);
  });

  it("gives back what its events take of the budget when it is discarded, puts and takes under way included", async () => {
    const { channel } = open();
    await put(channel, "1", "2", "3");
    const consumer = consumerOf(channel);
    const taken = await take(consumer, 1);
    const late = await channel.prepare(batchOf([createEvent(Buffer.from("4"))]), NEVER);
    const given = await channel.prepare(batchOf([createEvent(Buffer.from("5"))]), NEVER);
    await put(channel, "6");
    await channel.stop();
    channel.discard();
    assert.deepEqual([channel.size, channel.bytes], [0, 0]);
    await assert.rejects(late.commit(), { code: "FLUME_STOPPED" });
    given.abort();
    await assert.rejects(taken.commit(), { code: "FLUME_LEASE_LOST" });
    await assert.rejects(put(channel, "7"), { code: "FLUME_STOPPED" });
    assert.deepEqual([channel.size, channel.bytes], [0, 0]);
  });

  it("shares one budget of bytes with the other memory channels of the process", async () => {
    const large = { capacity: 1_000_000, transactionCapacity: 1_000_000, keepAlive: 0 };
    const [one, other] = [open(large).channel, open(large).channel];
    // One body many times: what is counted need not be there. Each channel may have four fifths of the budget.
    const event = createEvent(Buffer.alloc(1024 * 1024));
    const most = repeatedBatch(event, Math.floor(one.limits.bytes / event.body.length));
    await putBatch(one, most);
    await assert.rejects(putBatch(other, most), { code: "FLUME_CHANNEL_BYTES_FULL" });
    await drainBatches(one);
    await putBatch(other, most);
    await drainBatches(other);
    assert.deepEqual([one.bytes, other.bytes], [0, 0]);
  });
});
