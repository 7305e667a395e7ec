import { strict as assert } from "node:assert";
import type { Source } from "../../lib/engine/contracts.js";
import { DeliveryError, isHeadraceError } from "../../lib/engine/errors.js";
import type { TestContext } from "../support/component-context.js";
import { eventually } from "../support/eventually.js";
import { Gate } from "../support/gate.js";
import { TestOutlet } from "../support/outlets.js";
import { staysPending } from "../support/pending.js";
import type { Behaviours, Bench } from "./behaviours.js";

/** One source with whatever feeds it. */
export interface SourceBench extends Bench {
  /** Made by its component, with batches of two or more where it has a choice, and short waits after a failure. */
  readonly source: Source;
  readonly context: TestContext;
  /** Brings at least `events` events to the started source; resolves when they are on their way. */
  feed(events: number): Promise<void>;
}

/** More deliveries at once than any source may have under way: what comes from outside has to wait. */
const TOO_MANY = 100;
const full = () => new DeliveryError("FLUME_CHANNEL_FULL");
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

export const sourceBehaviours = {
  "delivers, and only from start to stop": async ({ source, feed }) => {
    const out = new TestOutlet();
    await source.start(out);
    await feed(2);
    await eventually(() => out.events >= 2);
    await source.stop();
    const delivered = out.tried.length;
    await pause();
    assert.equal(out.tried.length, delivered);
    assert.equal(out.underWay, 0);
  },

  "delivers no empty batch, and none above the limits": async ({ source, feed }) => {
    const out = new TestOutlet();
    out.limits = { events: 1, bytes: Number.POSITIVE_INFINITY };
    await source.start(out);
    await feed(5);
    await eventually(() => out.events >= 5);
    await source.stop();
    assert.ok(out.tried.every((batch) => batch.length === 1));
  },

  "reads no further while its deliveries wait": async ({ source, feed }) => {
    const out = new TestOutlet();
    const gate = new Gate();
    out.gate = gate.opened;
    await source.start(out);
    await feed(3);
    await eventually(() => out.underWay > 0);
    await pause();
    assert.ok(out.tried.length < TOO_MANY);
    assert.equal(out.events, 0);
    gate.open();
    out.gate = undefined;
    await eventually(() => out.events >= 3);
    await source.stop();
  },

  "lets the deliveries under way settle when it stops": async ({ source, feed }) => {
    const out = new TestOutlet();
    const gate = new Gate();
    out.gate = gate.opened;
    await source.start(out);
    await feed(2);
    await eventually(() => out.underWay > 0);
    const underWay = out.underWay;
    const stopping = source.stop();
    assert.ok(await staysPending(stopping));
    gate.open();
    await stopping;
    assert.equal(out.underWay, 0);
    assert.ok(out.accepted.length >= underWay);
  },

  "withdraws what is not admitted yet when it stops": async ({ source, feed }) => {
    const out = new TestOutlet();
    out.admission = new Gate().opened;
    await source.start(out);
    await feed(1);
    await eventually(() => out.waiting > 0);
    await source.stop();
    assert.deepEqual([out.waiting, out.events], [0, 0]);
  },

  "goes on after any rejection": async ({ source, feed }) => {
    const out = new TestOutlet();
    const unknown = new DeliveryError("FLUME_DELIVERY_FAILED", { outcome: "unknown" });
    const rejections = [full(), unknown, new TypeError("a fault in the flow"), full()];
    out.rejections.push(...rejections);
    await source.start(out);
    await feed(1);
    await eventually(async () => {
      if (out.rejections.length > 0) await feed(1);
      return out.rejections.length === 0;
    });
    await feed(1);
    await eventually(() => out.events > 0);
    await source.stop();
  },

  "tells of a rejection, and when it is over": async ({ source, context, feed }) => {
    const out = new TestOutlet();
    out.rejections.push(full());
    await source.start(out);
    await feed(2);
    await eventually(() => out.events > 0 && context.reports.length >= 2);
    await source.stop();
    assert.deepEqual(
      context.reports.slice(0, 2).map((report) => isHeadraceError(report) && report.code),
      ["FLUME_CHANNEL_FULL", false],
    );
  },

  "delivers again what was rejected, without a gap": async ({ source, feed }) => {
    const out = new TestOutlet();
    out.rejections.push(undefined, full(), full(), undefined, full());
    await source.start(out);
    await feed(8);
    await eventually(() => out.rejections.length === 0 && out.events >= 8);
    await source.stop();
    const [first] = out.tried;
    const tried = new Set(out.tried.flatMap((batch) => [...batch].map((event) => event.body.toString())));
    assert.deepEqual(new Set(out.bodies), tried, "all that was tried has arrived");
    assert.equal(out.bodies[0], first?.at(0).body.toString());
    assert.equal(new Set(out.bodies).size, out.bodies.length, "and nothing twice");
  },

  "works again when it is started again": async ({ source, feed }) => {
    for (let round = 0; round < 3; round++) {
      const out = new TestOutlet();
      await source.start(out);
      await feed(2);
      await eventually(() => out.events >= 2);
      await source.stop();
    }
  },

  "stops in any state": async ({ source, feed }) => {
    await source.stop();
    const out = new TestOutlet();
    await source.start(out);
    await Promise.all([source.stop(), source.stop()]);
    await source.stop();
    await source.start(out);
    await feed(1);
    await eventually(() => out.events >= 1);
    await source.stop();
  },

  "lets the rest of the process have its turn": async ({ source, feed }) => {
    const out = new TestOutlet();
    // What comes at full speed need not be remembered.
    out.accepted.push = () => 0;
    out.tried.push = () => 0;
    await source.start(out);
    await feed(1);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    await source.stop();
  },
} satisfies Behaviours<SourceBench>;
