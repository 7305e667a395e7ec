import { strict as assert } from "node:assert";
import { ChannelRunner, type Wiring } from "../../lib/engine/channel-runner.js";
import type { Inlet } from "../../lib/engine/contracts.js";
import { Counters } from "../../lib/engine/counters.js";
import { deliveryAborted, DeliveryError, isHeadraceError } from "../../lib/engine/errors.js";
import { MemoryChannel } from "../../nodes/channels/memory/memory-channel.js";
import { drain, put, putBatch, take, consumerOf } from "../conformance/channel/channel-bench.js";
import { eventually } from "../support/eventually.js";
import { numberBatch } from "../support/event-batches.js";
import { Gate } from "../support/gate.js";
import { TestInlet } from "../support/inlets.js";
import { staysPending } from "../support/pending.js";

/** Wires that change while a runner looks on, as with deploys. */
class ChangingWires implements Wiring {
  #inlets: readonly Inlet[];
  #waiting: (() => void)[] = [];

  constructor(...inlets: Inlet[]) {
    this.#inlets = inlets;
  }

  wire(...inlets: Inlet[]): void {
    this.#inlets = inlets;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  inlets(signal: AbortSignal): readonly Inlet[] | Promise<readonly Inlet[]> {
    return this.#inlets.length > 0 ? this.#inlets : this.#untilWired(signal);
  }

  async #untilWired(signal: AbortSignal): Promise<readonly Inlet[]> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    if (signal.aborted) throw deliveryAborted();
    return this.#inlets;
  }
}

function started(...inlets: Inlet[]) {
  const settings = { capacity: 1000, transactionCapacity: 1000, keepAlive: 0, byteCapacity: 0 };
  const channel = new MemoryChannel("channel", { ...settings, byteCapacityBufferPercentage: 0 }, new Counters());
  const wires = new ChangingWires(...inlets);
  const reports: unknown[] = [];
  const runner = new ChannelRunner(channel, "runner", wires, {
    report: (error) => void reports.push(error),
    onMiss: () => undefined,
  });
  runner.start();
  return { channel, wires, runner, reports };
}

const failed = () => new DeliveryError("FLUME_WRITE_FAILED");
const numbers = (end: number) => Array.from({ length: end }, (_, i) => String(i));

describe("channel runner", () => {
  it("takes nothing while nothing is wired", async () => {
    const { channel, runner, wires } = started();
    await put(channel, "1");
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(runner.busy, false);
    const sink = new TestInlet("sink");
    wires.wire(sink);
    await eventually(() => sink.bodies.length === 1);
    await runner.stop();
  });

  it("sends what comes after a deploy by the wires of then, though it waited for events meanwhile", async () => {
    const [before, after] = [new TestInlet("before"), new TestInlet("after")];
    const { channel, runner, wires } = started(before);
    await new Promise(setImmediate);
    wires.wire(after);
    await put(channel, "1");
    await eventually(() => before.bodies.length + after.bodies.length === 1);
    await runner.stop();
    assert.deepEqual(after.bodies, ["1"]);
  });

  it("retries by the wires of now, but not where the batch was accepted", async () => {
    const [up, down, other] = [new TestInlet("up"), new TestInlet("down"), new TestInlet("other")];
    down.commitFailures.push(...Array.from({ length: 100 }, failed));
    const { channel, runner, wires } = started(up, down);
    await put(channel, "1");
    await eventually(() => down.commits > 0);
    wires.wire(up, other);
    await eventually(() => other.bodies.length === 1);
    await runner.stop();
    assert.deepEqual([up.bodies, other.bodies, down.bodies], [["1"], ["1"], []]);
    assert.deepEqual(await drain(channel), []);
  });

  it("a target that a deploy stops is no trouble to report; its successor gets the batch", async () => {
    const [old, successor] = [new TestInlet("sink"), new TestInlet("sink")];
    old.commitFailures.push(new DeliveryError("FLUME_STOPPED"));
    const { channel, runner, wires, reports } = started(old);
    await put(channel, "1");
    await eventually(() => old.commits > 0);
    wires.wire(successor);
    await eventually(() => successor.bodies.length === 1);
    await runner.stop();
    assert.ok(reports.every((report) => report === undefined));
  });

  it("takes smaller batches when they turn out too large, without a gap or a repetition", async () => {
    const strict = new TestInlet("sink");
    // Larger than it said: an interceptor on the way made it so.
    strict.prepare = async (batch, signal) => {
      if (batch.length > 3) throw new DeliveryError("FLUME_BATCH_TOO_LARGE", { retry: "never" });
      return TestInlet.prototype.prepare.call(strict, batch, signal);
    };
    const { channel, runner, reports } = started(strict);
    await putBatch(channel, numberBatch(0, 100));
    await eventually(() => strict.bodies.length === 100);
    await runner.stop();
    assert.deepEqual(strict.bodies, numbers(100));
    assert.deepEqual(reports.filter(isHeadraceError), []);
  });

  it("two ways into one small channel: as much at once as both can hold together", async () => {
    const settings = { capacity: 5, transactionCapacity: 5, keepAlive: 0, byteCapacity: 0 };
    const small = new MemoryChannel("small", { ...settings, byteCapacityBufferPercentage: 0 }, new Counters());
    const { channel, runner, reports } = started(small, small);
    const consumer = consumerOf(small);
    await putBatch(channel, numberBatch(0, 4));
    const bodies: string[] = [];
    while (bodies.length < 8) {
      const taken = await take(consumer, 5);
      bodies.push(...[...taken.batch].map(({ body }) => body.toString()));
      await taken.commit();
    }
    await runner.stop();
    assert.deepEqual(bodies.sort(), ["0", "0", "1", "1", "2", "2", "3", "3"]);
    // While the small one is full it says so; that the batch was too large for ever is no trouble.
    for (const report of reports) assert.ok(!isHeadraceError(report) || report.code === "FLUME_CHANNEL_FULL");
  });

  it("reports a single event that is too large, and keeps it", async () => {
    const strict = new TestInlet("sink");
    strict.prepareFailures.push(
      ...Array.from({ length: 100 }, () => new DeliveryError("FLUME_BATCH_TOO_LARGE", { retry: "never" })),
    );
    const { channel, runner, reports } = started(strict);
    await put(channel, "1");
    await eventually(() => reports.length > 0);
    await runner.stop();
    assert.ok(isHeadraceError(reports[0]) && reports[0].code === "FLUME_BATCH_TOO_LARGE");
    assert.deepEqual(await drain(channel), ["1"]);
  });

  it("stops without a sink that never answers, whose events go back into the channel", async () => {
    const hanging = new TestInlet("hanging");
    const gate = new Gate();
    hanging.commitGate = gate.opened;
    const { channel, runner } = started(hanging);
    await put(channel, "1", "2");
    await eventually(() => hanging.commits === 1);
    await runner.stop();
    const next = await take(consumerOf(channel));
    assert.equal(next.batch.length, 2);
    gate.open();
    await new Promise(setImmediate);
    assert.equal(channel.size, 2, "a commit that comes late does not end what was taken anew");
    await next.rollback();
  });

  it("waits for all batches under way when it stops, and commits them", async () => {
    const sink = new TestInlet("sink");
    sink.maxInFlight = 3;
    sink.takeSize = 1;
    const gate = new Gate();
    sink.commitGate = gate.opened;
    const { channel, runner } = started(sink);
    await put(channel, "1", "2");
    await eventually(() => sink.commits === 2);
    const stopping = runner.stop();
    assert.ok(await staysPending(stopping));
    gate.open();
    await stopping;
    assert.equal(channel.size, 0);
  });

  it("has one batch under way where nobody asks for more, which keeps the order", async () => {
    const sink = new TestInlet("sink");
    sink.maxInFlight = Number.POSITIVE_INFINITY;
    sink.takeSize = 1;
    const gate = new Gate();
    sink.commitGate = gate.opened;
    const { channel, runner } = started(sink);
    await put(channel, "1", "2", "3");
    await eventually(() => sink.commits === 1);
    assert.ok(await staysPending(eventually(() => sink.commits > 1, { within: 100 }).catch(() => undefined)));
    gate.open();
    await runner.stop();
  });

  it("goes on with other numbers of batches under way when a deploy changes them", async () => {
    const [one, three] = [new TestInlet("one"), new TestInlet("three")];
    one.takeSize = three.takeSize = 1;
    three.maxInFlight = 3;
    const { channel, runner, wires } = started(one);
    await put(channel, "1");
    await eventually(() => one.bodies.length === 1);
    wires.wire(three);
    // The take that waited was made for one.
    await put(channel, "2");
    await eventually(() => three.bodies.length === 1);
    const gate = new Gate();
    three.commitGate = gate.opened;
    await put(channel, "3", "4", "5", "6");
    await eventually(() => three.commits === 4);
    gate.open();
    await eventually(() => three.bodies.length === 5);
    await runner.stop();
    assert.equal(three.mostCommitting, 3);
  });

  it("connects again to a channel that has closed by itself, once that is open again", async function () {
    this.timeout(60_000);
    const sink = new TestInlet("sink");
    const { channel, runner, wires, reports } = started();
    const connect = channel.connect.bind(channel);
    const refusals = [
      new DeliveryError("FLUME_FILE_CHANNEL_IN_USE"),
      new DeliveryError("FLUME_FILE_CHANNEL_LOCK_LOST"),
    ];
    channel.connect = (given) => {
      const [refusal] = refusals.splice(0, 1);
      if (refusal?.code === "FLUME_FILE_CHANNEL_IN_USE") throw refusal;
      const consumer = connect(given);
      return refusal ? { take: () => Promise.reject(refusal), close: () => consumer.close() } : consumer;
    };
    await put(channel, "1");
    wires.wire(sink);
    await eventually(() => sink.bodies.length === 1, { within: 40_000 });
    assert.deepEqual(
      reports.map((error) => isHeadraceError(error) && error.code),
      ["FLUME_FILE_CHANNEL_IN_USE", "FLUME_FILE_CHANNEL_LOCK_LOST"],
    );
    await runner.stop();
  });
});
