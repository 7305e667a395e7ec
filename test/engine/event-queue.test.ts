import { strict as assert } from "node:assert";
import type { EventBatch } from "../../lib/engine/batch.js";
import { EventQueue } from "../../lib/engine/event-queue.js";
import { range, events } from "../channels/support/work.js";

/** A batch that counts how many events were looked at, in its slices too. */
function countingBatch(of: EventBatch, looked: { events: number }): EventBatch {
  return {
    length: of.length,
    get bytes() {
      looked.events += of.length;
      return of.bytes;
    },
    at: (index) => {
      looked.events++;
      return of.at(index);
    },
    slice: (start, end) => countingBatch(of.slice(start, end), looked),
    compact: () => countingBatch(of.compact(), looked),
    [Symbol.iterator]: () => of[Symbol.iterator](),
  };
}

describe("event queue", () => {
  for (const bytes of [Number.POSITIVE_INFINITY, 1000]) {
    it(`a take of one event does not look at all that are behind it (at most ${bytes} bytes)`, () => {
      const queue = new EventQueue();
      const looked = { events: 0 };
      queue.append(0, countingBatch(events(0, 2000), looked));
      const sequence: number[] = [];
      while (queue.ready) {
        for (const { offset, batch } of queue.take({ events: 1, bytes })) {
          assert.equal(batch.length, 1);
          sequence.push(offset);
        }
      }
      assert.deepEqual(sequence, range(0, 2000));
      assert.ok(looked.events <= 10 * 2000, `${looked.events} events`);
    });
  }

  it("a take holds as many events as its bytes allow, but at least one", () => {
    const queue = new EventQueue();
    queue.append(0, events(0, 8, 100));
    queue.append(8, events(8, 1, 1000));
    const lengths: number[] = [];
    while (queue.ready)
      lengths.push(queue.take({ events: 100, bytes: 450 }).reduce((sum, p) => sum + p.batch.length, 0));
    assert.deepEqual(lengths, [4, 4, 1]);
  });
});
