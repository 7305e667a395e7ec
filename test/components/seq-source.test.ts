import { strict as assert } from "node:assert";
import { DeliveryError } from "../../lib/engine/errors.js";
import { readConfig } from "../../lib/engine/properties.js";
import { component } from "../../nodes/sources/seq/component.js";
import { testContext } from "../support/component-context.js";
import { eventually } from "../support/eventually.js";
import { Gate } from "../support/gate.js";
import { TestOutlet } from "../support/outlets.js";

function seq(settings: Record<string, number> = {}) {
  const fast = { backoffSleepIncrement: 1, maxBackoffSleep: 2 };
  const context = testContext();
  return {
    context,
    source: component.create(readConfig(component.properties, { ...fast, ...settings }).config, context),
  };
}

const upTo = (end: number) => Array.from({ length: end }, (_, i) => String(i));

describe("seq source", () => {
  it("counts from 0, one number an event, in batches, to its end", async () => {
    const out = new TestOutlet();
    const { source } = seq({ batchSize: 4, totalEvents: 10 });
    await source.start(out);
    await eventually(() => out.events === 10);
    await source.stop();
    assert.deepEqual(out.bodies, upTo(10));
    assert.deepEqual(
      out.accepted.map((batch) => batch.length),
      [4, 4, 2],
    );
    assert.deepEqual({ ...out.accepted[0]?.at(0).headers }, {});
  });

  it("tries the same numbers again after a rejection, says so, and says when it is over", async () => {
    const out = new TestOutlet();
    out.rejections.push(undefined, new DeliveryError("FLUME_CHANNEL_FULL"), new Error("odd"));
    const { source, context } = seq({ batchSize: 2, totalEvents: 6 });
    await source.start(out);
    await eventually(() => out.events === 6);
    await source.stop();
    assert.deepEqual(out.bodies, upTo(6));
    assert.equal(out.tried.length, 5);
    assert.deepEqual(
      context.reports.map((report) => (report as DeliveryError | undefined)?.code),
      ["FLUME_CHANNEL_FULL", "FLUME_DELIVERY_FAILED", undefined],
    );
    assert.equal(context.counters.get("ChannelWriteFail"), 2);
  });

  it("sends less at once where the channel takes less", async () => {
    const out = new TestOutlet();
    out.limits = { events: 3, bytes: Number.POSITIVE_INFINITY };
    const { source } = seq({ batchSize: 100, totalEvents: 7 });
    await source.start(out);
    await eventually(() => out.events === 7);
    await source.stop();
    assert.deepEqual(
      out.accepted.map((batch) => batch.length),
      [3, 3, 1],
    );
  });

  it("sends half as many when they were too large", async () => {
    const out = new TestOutlet();
    out.rejections.push(new DeliveryError("FLUME_BATCH_TOO_LARGE", { retry: "never" }));
    const { source } = seq({ batchSize: 4, totalEvents: 4 });
    await source.start(out);
    await eventually(() => out.events === 4);
    await source.stop();
    assert.deepEqual(out.bodies, upTo(4));
    assert.deepEqual(
      out.accepted.map((batch) => batch.length),
      [2, 2],
    );
  });

  it("lets the delivery under way settle when stopped, and counts on when started again", async () => {
    const out = new TestOutlet();
    const gate = new Gate();
    out.gate = gate.opened;
    const { source } = seq({ batchSize: 3 });
    await source.start(out);
    await eventually(() => out.underWay === 1);
    let stopped = false;
    const stopping = source.stop().then(() => (stopped = true));
    await new Promise(setImmediate);
    assert.equal(stopped, false);
    gate.open();
    await stopping;
    assert.deepEqual(out.bodies, upTo(3));

    const again = new TestOutlet();
    await source.start(again);
    await eventually(() => again.events >= 3);
    await source.stop();
    assert.equal(again.bodies[0], "3");
  });

  it("lets timers in while it runs at full speed", async () => {
    const out = new TestOutlet();
    const { source } = seq({ batchSize: 10 });
    await source.start(out);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    await source.stop();
    assert.ok(out.events > 0);
  });

  it("keeps alive no more memory than its bodies need", async () => {
    const out = new TestOutlet();
    const { source } = seq({ batchSize: 100, totalEvents: 100 });
    await source.start(out);
    await eventually(() => out.events === 100);
    await source.stop();
    assert.equal(out.accepted[0]?.at(0).body.buffer.byteLength, out.accepted[0]?.bytes);
  });
});
