import { strict as assert } from "node:assert";
import type { EventBatch } from "../../lib/engine/batch.js";
import type { Sink } from "../../lib/engine/contracts.js";
import { Counters } from "../../lib/engine/counters.js";
import { Delivery, NEVER, routesTo } from "../../lib/engine/delivery.js";
import { DeliveryError, HeadraceError } from "../../lib/engine/errors.js";
import { REFUSED_CODE, RefusalExit } from "../../lib/engine/refusal.js";
import { SinkInlet } from "../../lib/engine/sink-inlet.js";
import { bodiesOf, textBatch } from "../support/event-batches.js";
import { Gate } from "../support/gate.js";
import { TestInlet } from "../support/inlets.js";
import { staysPending } from "../support/pending.js";

class TestSink implements Sink {
  readonly batchSize = 2;
  readonly maxInFlight: number;
  readonly written: EventBatch[] = [];
  readonly failures: (Error | undefined)[] = [];
  gate: Promise<void> | undefined;
  writes = 0;

  constructor(maxInFlight = 1) {
    this.maxInFlight = maxInFlight;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  async write(batch: EventBatch): Promise<void> {
    this.writes++;
    if (this.gate) await this.gate;
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.written.push(batch);
  }
}

function opened(sink = new TestSink(), refusal?: (counters: Counters) => RefusalExit) {
  const counters = new Counters();
  const inlet = new SinkInlet("sink", sink, counters, refusal?.(counters));
  inlet.open();
  const write = async (text: string) => (await inlet.prepare(textBatch(text), NEVER)).commit();
  return { sink, inlet, counters, write, written: () => bodiesOf(sink.written) };
}

describe("sink inlet", () => {
  it("lets batches in once the sink has started, in the order of their calls", async () => {
    const sink = new TestSink();
    const inlet = new SinkInlet("sink", sink, new Counters());
    const writes = ["1", "2", "3"].map(async (text) => (await inlet.prepare(textBatch(text), NEVER)).commit());
    assert.ok(await staysPending(Promise.race(writes)));
    inlet.open();
    await Promise.all(writes);
    assert.deepEqual(bodiesOf(sink.written), ["1", "2", "3"]);
  });

  it("has as many writes under way as the sink allows", async () => {
    const { sink, write } = opened(new TestSink(2));
    const gate = new Gate();
    sink.gate = gate.opened;
    const writes = ["1", "2", "3"].map(write);
    await staysPending(Promise.all(writes), 5);
    assert.equal(sink.writes, 2);
    gate.open();
    await Promise.all(writes);
    assert.equal(sink.writes, 3);
  });

  it("tells whether its last write was in vain", async () => {
    const { sink, inlet, write } = opened();
    sink.failures.push(new Error("once"));
    await assert.rejects(write("failed"));
    assert.equal(inlet.failing, true);
    await write("written");
    assert.equal(inlet.failing, false);
  });

  it("frees a place when a batch is aborted, when a write fails, and when one is withdrawn while it waits", async () => {
    const { sink, inlet, write, written } = opened();
    (await inlet.prepare(textBatch("aborted"), NEVER)).abort();
    sink.failures.push(new Error("once"));
    await assert.rejects(write("failed"), { code: "FLUME_DELIVERY_FAILED", outcome: "unknown" });
    const held = await inlet.prepare(textBatch("held"), NEVER);
    const stop = new AbortController();
    const waiting = inlet.prepare(textBatch("withdrawn"), stop.signal);
    const behind = write("behind");
    stop.abort();
    await assert.rejects(waiting, { code: "FLUME_DELIVERY_ABORTED" });
    await held.commit();
    await behind;
    assert.deepEqual(written(), ["held", "behind"]);
  });

  it("ends a batch once, however often it is told to", async () => {
    const { sink, inlet, write } = opened();
    const aborted = await inlet.prepare(textBatch("1"), NEVER);
    aborted.abort();
    aborted.abort();
    await assert.rejects(aborted.commit());
    const committed = await inlet.prepare(textBatch("2"), NEVER);
    await committed.commit();
    committed.abort();
    await assert.rejects(committed.commit());
    const gate = new Gate();
    sink.gate = gate.opened;
    const writes = [write("3"), write("4")];
    await staysPending(Promise.all(writes), 5);
    assert.equal(sink.writes, 2, "one write at a time, as before");
    gate.open();
    await Promise.all(writes);
  });

  it("closes when the writes under way have ended, for all who ask, and refuses the rest", async () => {
    const { sink, inlet, write, written } = opened();
    const gate = new Gate();
    sink.gate = gate.opened;
    const underWay = write("1");
    const waiting = assert.rejects(write("2"), { code: "FLUME_STOPPED" });
    await new Promise(setImmediate);
    const closing = Promise.all([inlet.close(), inlet.close()]);
    await waiting;
    await assert.rejects(write("3"), { code: "FLUME_STOPPED" });
    assert.ok(await staysPending(closing));
    gate.open();
    await closing;
    await underWay;
    await inlet.close();
    assert.deepEqual(written(), ["1"]);
  });

  it("does not write what was prepared before it was closed: the sink may be gone", async () => {
    const { sink, inlet } = opened();
    const prepared = await inlet.prepare(textBatch("1"), NEVER);
    await inlet.close();
    await assert.rejects(prepared.commit(), { code: "FLUME_STOPPED", outcome: "none" });
    assert.equal(sink.writes, 0);
  });

  describe("when the sink refuses events for ever", () => {
    const reason = new HeadraceError("FLUME_EVENT_TOO_LARGE", { bytes: 9, limit: 1 });
    /** `failed`: told where others of the batch are kept. */
    const tooLarge = (failed?: readonly number[]) =>
      new DeliveryError("FLUME_EVENT_TOO_LARGE", {
        refused: new Map([[1, reason]]),
        ...(failed && { failed: new Map(failed.map((index) => [index, reason])) }),
      });
    const batch = textBatch("good", "bad", "fine");
    const write = async (inlet: SinkInlet) => (await inlet.prepare(batch, NEVER)).commit();

    it("they leave by the dead-letter port, with the reason, and the rest is written", async () => {
      const deadLetter = new TestInlet("dead");
      const { sink, inlet, counters, written } = opened(
        new TestSink(),
        (counts) => new RefusalExit("port", "sink", counts, () => [deadLetter]),
      );
      sink.failures.push(tooLarge());
      await write(inlet);
      assert.deepEqual(written(), ["good", "fine"]);
      assert.deepEqual(deadLetter.bodies, ["bad"]);
      assert.equal(deadLetter.accepted[0]?.at(0).headers[REFUSED_CODE], "FLUME_EVENT_TOO_LARGE");
      assert.equal(counters.get("EventDeadLetterCount"), 1);
      assert.equal(counters.get("EventDrainSuccessCount"), 2);
    });

    it("nothing is written while the dead-letter port does not take them", async () => {
      const deadLetter = new TestInlet("dead");
      deadLetter.commitFailures.push(new DeliveryError("FLUME_WRITE_FAILED"));
      const exit = (counts: Counters) => new RefusalExit("port", "sink", counts, () => [deadLetter]);
      const { sink, inlet, written } = opened(new TestSink(), exit);
      sink.failures.push(tooLarge(), tooLarge());
      await assert.rejects(write(inlet), { code: "FLUME_WRITE_FAILED" });
      assert.deepEqual(written(), []);
      await write(inlet);
      assert.deepEqual(written(), ["good", "fine"]);
    });

    it("they leave once, however often the rest has to be written again", async () => {
      const deadLetter = new TestInlet("dead");
      const exit = (counts: Counters) => new RefusalExit("port", "sink", counts, () => [deadLetter]);
      const { sink, inlet, written } = opened(new TestSink(), exit);
      const outage = () => new DeliveryError("FLUME_WRITE_FAILED", { outcome: "unknown" });
      const oneLeft = new DeliveryError("FLUME_WRITE_FAILED", { failed: new Map([[1, outage()]]) });
      sink.failures.push(tooLarge(), outage(), outage(), oneLeft);
      const delivery = new Delivery(routesTo([inlet], batch));
      await assert.rejects(delivery.attempt(NEVER), (error: DeliveryError) => {
        assert.deepEqual([...(error.failed?.keys() ?? [])], [0, 2]);
        return error.code === "FLUME_WRITE_FAILED" && error.outcome === "unknown";
      });
      await assert.rejects(delivery.attempt(NEVER), (error: DeliveryError) => error.failed === undefined);
      await assert.rejects(delivery.attempt(NEVER));
      await delivery.attempt(NEVER);
      assert.deepEqual(written(), ["fine"], "good was kept by the write before");
      assert.deepEqual(deadLetter.bodies, ["bad"]);
    });

    it("and others of the batch are kept, only what is neither is written again", async () => {
      const deadLetter = new TestInlet("dead");
      const exit = (counts: Counters) => new RefusalExit("port", "sink", counts, () => [deadLetter]);
      const { sink, inlet, counters, written } = opened(new TestSink(), exit);
      sink.failures.push(tooLarge([1, 2]));
      await write(inlet);
      assert.deepEqual(written(), ["fine"], "good was kept by the write before");
      assert.deepEqual(deadLetter.bodies, ["bad"]);
      assert.equal(counters.get("EventDrainSuccessCount"), 2);
      sink.failures.push(tooLarge([1]));
      await write(inlet);
      assert.equal(sink.writes, 3, "nothing was left to write");
      assert.deepEqual(deadLetter.bodies, ["bad", "bad"]);
    });

    it("and others are kept, those do not come again while the refused ones cannot leave", async () => {
      for (const policy of ["block", "port"] as const) {
        const deadLetter = new TestInlet("dead");
        deadLetter.commitFailures.push(new DeliveryError("FLUME_WRITE_FAILED"));
        const exit = (counts: Counters) => new RefusalExit(policy, "sink", counts, () => [deadLetter]);
        const { sink, inlet } = opened(new TestSink(), exit);
        sink.failures.push(tooLarge([1, 2]));
        const delivery = new Delivery(routesTo([inlet], batch));
        await assert.rejects(delivery.attempt(NEVER), (error: DeliveryError) => {
          assert.deepEqual([...(error.failed?.keys() ?? [])], [1, 2], policy);
          assert.deepEqual([...(error.refused?.keys() ?? [])], policy === "block" ? [1] : [], policy);
          return true;
        });
        await delivery.attempt(NEVER);
        assert.deepEqual(bodiesOf(sink.written), ["bad", "fine"], policy);
      }
    });

    it("they are dropped and counted", async () => {
      const { sink, inlet, counters, written } = opened(
        new TestSink(),
        (counts) => new RefusalExit("drop", "sink", counts, () => []),
      );
      sink.failures.push(tooLarge());
      await write(inlet);
      assert.deepEqual(written(), ["good", "fine"]);
      assert.equal(counters.get("EventDropCount"), 1);
    });

    it("they block, which is the default, and the error names them", async () => {
      const { sink, inlet, written } = opened(
        new TestSink(),
        (counts) => new RefusalExit("block", "sink", counts, () => []),
      );
      sink.failures.push(tooLarge());
      await assert.rejects(write(inlet), (error: DeliveryError) => {
        assert.deepEqual([...(error.refused?.keys() ?? [])], [1]);
        return error.code === "FLUME_EVENT_TOO_LARGE" && error.outcome === "none";
      });
      assert.deepEqual(written(), []);
    });
  });
});
