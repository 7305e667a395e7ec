import { strict as assert } from "node:assert";
import { stat } from "node:fs/promises";
import * as fc from "fast-check";
import type { Channel, Take } from "../../../lib/engine/contracts.js";
import { NEVER } from "../../../lib/engine/delivery.js";
import { component } from "../../../nodes/channels/spillable/component.js";
import { testContext } from "../../support/component-context.js";
import { staysPending } from "../../support/pending.js";
import { tempDir, useTempDir } from "../../support/temp-dir.js";
import { events, numbersOf, takeSome } from "../support/work.js";
import { openSpillable as open, spillableConfig } from "./support/spillable.js";

async function put(channel: Channel, first: number, count: number): Promise<void> {
  await (await channel.prepare(events(first, count), NEVER)).commit();
}

describe("spillable memory channel", function () {
  this.timeout(60_000);
  const dir = useTempDir();

  it("keeps the order from memory to disk and back to memory", async () => {
    const channel = await open(dir().path, { memoryCapacity: 10, overflowCapacity: 100 });
    for (let i = 0; i < 8; i++) await put(channel, i * 5, 5);
    assert.equal(channel.size, 40);
    const consumer = channel.connect({ id: "taker", maxLeases: 1 });
    const numbers: number[] = [];
    for (let i = 8; numbers.length < 100; i++) {
      if (i < 20) await put(channel, i * 5, 5);
      const some = await takeSome(consumer, 12);
      if (!some) break;
      numbers.push(...numbersOf(some.batch));
      await some.commit();
    }
    assert.deepEqual(numbers, [...Array(100).keys()]);
    // Memory is used again once the disk is empty, by a taker that waited at the disk meanwhile.
    const waiting = takeSome(consumer, 10);
    await put(channel, 100, 5);
    assert.deepEqual(numbersOf(((await waiting) as Take).batch), [100, 101, 102, 103, 104]);
    await channel.stop();
  });

  it("is full when both are, and says so after the timeout", async () => {
    const channel = await open(dir().path, { memoryCapacity: 4, overflowCapacity: 4, transactionCapacity: 4 });
    await put(channel, 0, 4);
    await put(channel, 4, 4);
    await assert.rejects(put(channel, 8, 1), { code: "FLUME_CHANNEL_FULL" });
    await channel.stop();
  });

  it("gives again after a start what was on the disk", async () => {
    const first = await open(dir().path, { memoryCapacity: 4, overflowCapacity: 100 });
    await put(first, 0, 4);
    await put(first, 4, 4);
    await first.stop();
    const second = await open(dir().path, { memoryCapacity: 4, overflowCapacity: 100 });
    assert.equal(second.size, 4);
    const some = await takeSome(second.connect({ id: "taker", maxLeases: 1 }), 10);
    assert.deepEqual(numbersOf((some as Take).batch), [4, 5, 6, 7]);
    await second.stop();
  });

  it("goes on with other settings and all its events; the disk part is opened anew only where it must be", async () => {
    const context = testContext("spill", dir().path);
    const channel = await open(dir().path, { memoryCapacity: 4, overflowCapacity: 100 }, context);
    await put(channel, 0, 4);
    await put(channel, 4, 4);
    assert.deepEqual([channel.size, channel.volatileSize, channel.room.events], [8, 4, 100]);
    const change = async (settings: Record<string, unknown>) => {
      assert.equal(component.reconfigure?.(channel, spillableConfig(settings), context), true);
      await channel.start();
    };
    const before = await stat(dir().file("data", "in_use.lock"));
    await change({ memoryCapacity: 20, overflowCapacity: 100 });
    assert.equal((await stat(dir().file("data", "in_use.lock"))).ino, before.ino, "the disk part went on");
    assert.equal(channel.capacity, 120);
    await put(channel, 8, 4);
    await change({ memoryCapacity: 20, overflowCapacity: 50, fsyncPerTransaction: false });
    assert.deepEqual([channel.capacity, channel.limits.events, channel.size], [70, 50, 12]);
    const consumer = channel.connect({ id: "taker", maxLeases: 1 });
    const numbers: number[] = [];
    while (numbers.length < 12) {
      const some = (await takeSome(consumer, 5)) as Take;
      numbers.push(...numbersOf(some.batch));
      await some.commit();
    }
    assert.deepEqual(numbers, [...Array(12).keys()]);
    await consumer.close();
    await put(channel, 12, 3);
    assert.equal(channel.volatileSize, 3, "memory again");
    await change({ memoryCapacity: 2, overflowCapacity: 0 });
    assert.deepEqual([channel.size, channel.capacity], [3, 2]);
    await assert.rejects(put(channel, 15, 1), { code: "FLUME_CHANNEL_FULL" });
    await channel.stop();
  });

  it("gives nothing from the disk while something in memory may still come before it", async () => {
    const channel = await open(dir().path, { memoryCapacity: 4, overflowCapacity: 100 });
    const first = await channel.prepare(events(0, 4), NEVER);
    await put(channel, 4, 4);
    const consumer = channel.connect({ id: "taker", maxLeases: 2 });
    const taking = takeSome(consumer, 4);
    assert.ok(await staysPending(taking, 50), "the put in memory is not committed yet");
    await first.commit();
    const taken = (await taking) as Take;
    assert.deepEqual(numbersOf(taken.batch), [0, 1, 2, 3]);
    const next = takeSome(consumer, 4);
    assert.ok(await staysPending(next, 50), "what was taken may come back");
    await taken.rollback();
    assert.deepEqual(numbersOf(((await next) as Take).batch), [0, 1, 2, 3]);
    await channel.stop();
  });

  it("beside a plain list, whatever is put, taken, rolled back or given up", async () => {
    const action = fc.oneof(
      fc.record({ do: fc.constant("put" as const), count: fc.integer({ min: 1, max: 6 }), abort: fc.boolean() }),
      fc.record({ do: fc.constant("take" as const), count: fc.integer({ min: 1, max: 8 }), commit: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40, size: "max" }), async (actions) => {
        const folder = await tempDir();
        const channel = await open(folder.path, { memoryCapacity: 7, overflowCapacity: 30, transactionCapacity: 30 });
        const consumer = channel.connect({ id: "taker", maxLeases: 2 });
        let list: number[] = [];
        let next = 0;
        for (const one of actions) {
          if (one.do === "put") {
            const first = next;
            next += one.count;
            try {
              const prepared = await channel.prepare(events(first, one.count), NEVER);
              if (one.abort) prepared.abort();
              else {
                await prepared.commit();
                list.push(...Array.from({ length: one.count }, (_, i) => first + i));
              }
            } catch (error) {
              assert.match(String(error), /Space for commit/);
            }
          } else if (list.length > 0) {
            const some = (await takeSome(consumer, one.count)) as Take;
            const numbers = numbersOf(some.batch);
            assert.deepEqual(numbers, list.slice(0, numbers.length));
            if (one.commit) {
              await some.commit();
              list = list.slice(numbers.length);
            } else await some.rollback();
          }
          assert.equal(channel.size, list.length);
        }
        await channel.stop();
        await folder.remove();
      }),
      { numRuns: 25 },
    );
  });
});
