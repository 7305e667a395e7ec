import { strict as assert } from "node:assert";
import { DeliveryError } from "../../lib/engine/errors.js";
import { readConfig } from "../../lib/engine/properties.js";
import { component } from "../../nodes/sources/stress/component.js";
import { testContext } from "../support/component-context.js";
import { eventually } from "../support/eventually.js";
import { Gate } from "../support/gate.js";
import { TestOutlet } from "../support/outlets.js";

function stress(settings: Record<string, number> = {}) {
  const fast = { backoffSleepIncrement: 1, maxBackoffSleep: 2 };
  const context = testContext();
  return {
    context,
    source: component.create(readConfig(component.properties, { ...fast, ...settings }).config, context),
  };
}

const full = () => new DeliveryError("FLUME_CHANNEL_FULL");
/** Long enough for a source that has not ended to send more. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

describe("stress source", () => {
  it("sends one event of the wanted size again and again, its body all 0x7F", async () => {
    const out = new TestOutlet();
    const { source } = stress({ size: 5, batchSize: 3, maxTotalEvents: 9 });
    await source.start(out);
    await eventually(() => out.events === 9);
    await source.stop();
    assert.deepEqual(new Set(out.bodies), new Set(["\x7f".repeat(5)]));
    assert.equal(new Set(out.accepted.flatMap((batch) => [...batch])).size, 1);
  });

  it("stops at its total of events, refused ones counted, exactly", async () => {
    const out = new TestOutlet();
    out.rejections.push(full(), undefined, full());
    const { source, context } = stress({ batchSize: 4, maxTotalEvents: 22 });
    await source.start(out);
    await eventually(() => out.tried.reduce((sum, batch) => sum + batch.length, 0) === 22);
    await settle();
    await source.stop();
    assert.equal(
      out.tried.reduce((sum, batch) => sum + batch.length, 0),
      22,
    );
    assert.equal(out.events, 14);
    assert.equal(context.counters.get("ChannelWriteFail"), 2);
  });

  it("stops at its number of accepted events, exactly, whatever was refused on the way", async () => {
    const out = new TestOutlet();
    out.rejections.push(full(), full(), undefined, full());
    const { source } = stress({ batchSize: 4, maxSuccessfulEvents: 10 });
    await source.start(out);
    await eventually(() => out.events === 10);
    await settle();
    await source.stop();
    assert.equal(out.events, 10);
  });

  it("has several batches under way, at most maxInFlight, and settles them when stopped", async () => {
    const out = new TestOutlet();
    const gate = new Gate();
    out.gate = gate.opened;
    const { source } = stress({ maxInFlight: 3 });
    await source.start(out);
    await eventually(() => out.underWay === 3);
    await settle();
    const stopping = source.stop();
    gate.open();
    await stopping;
    assert.equal(out.mostUnderWay, 3);
    assert.equal(out.events, 3);
  });

  it("keeps to its rate, evenly", async () => {
    const out = new TestOutlet();
    const moments: number[] = [];
    const { push } = out.accepted;
    out.accepted.push = function (...batches) {
      moments.push(performance.now());
      return push.apply(this, batches);
    };
    const { source } = stress({ batchSize: 1, maxEventsPerSecond: 200, maxTotalEvents: 40 });
    await source.start(out);
    await eventually(() => out.events === 40);
    await source.stop();
    const after = (event: number) => (moments[event] ?? 0) - (moments[0] ?? 0);
    // 5 ms each, less what may be caught up; a busy machine may take as long as it likes.
    assert.ok(after(20) >= 70, `${after(20)} ms for the first half`);
    assert.ok(after(39) >= 165, `${after(39)} ms for all`);
  });

  it("what a stop withdraws counts as not sent", async () => {
    const out = new TestOutlet();
    out.admission = new Gate().opened;
    const { source } = stress({ maxTotalEvents: 3, maxSuccessfulEvents: 3, maxInFlight: 2 });
    await source.start(out);
    await eventually(() => out.waiting === 2);
    await source.stop();
    assert.equal(out.events, 0);
    const again = new TestOutlet();
    await source.start(again);
    await eventually(() => again.events === 3);
    await source.stop();
  });

  it("sends less at once where the channel takes fewer bytes", async () => {
    const out = new TestOutlet();
    out.limits = { events: 100, bytes: 35 };
    const { source } = stress({ size: 10, batchSize: 50, maxTotalEvents: 6, maxInFlight: 1 });
    await source.start(out);
    await eventually(() => out.events === 6);
    await source.stop();
    assert.deepEqual(
      out.accepted.map((batch) => batch.length),
      [3, 3],
    );
  });

  it("lets timers in while it runs at full speed", async () => {
    const out = new TestOutlet();
    // What it sends need not be remembered.
    out.accepted.push = () => 0;
    out.tried.push = () => 0;
    const { source } = stress({ batchSize: 1000 });
    await source.start(out);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    await source.stop();
  });
});
