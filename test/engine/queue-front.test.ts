import { strict as assert } from "node:assert";
import { repeatedBatch } from "../../lib/engine/batch.js";
import { createEvent } from "../../lib/engine/event.js";
import { QueueFront } from "../../lib/engine/queue-front.js";

describe("front of a queue", () => {
  for (const size of [0, 100, 10_000]) {
    it(`keeps some events of ${size} bytes in memory, and not as many as come`, () => {
      const front = new QueueFront(() => undefined);
      const batch = repeatedBatch(createEvent(Buffer.alloc(size)), 100);
      let events = 0;
      while (events < 1_000_000 && front.keep(events, batch)) events += batch.length;
      assert.ok(events > 0 && events <= 200_000, `${events} events`);
      assert.equal(front.low, false);
      while (front.ready) front.take({ events: 1000, bytes: Number.POSITIVE_INFINITY });
      assert.equal(front.low, true);
      assert.ok(front.keep(events, batch));
    });
  }
});
