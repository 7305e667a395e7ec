import { strict as assert } from "node:assert";
import type { Inlet, Route } from "../../lib/engine/contracts.js";
import { Delivery, NEVER, routesTo } from "../../lib/engine/delivery.js";
import { DeliveryError } from "../../lib/engine/errors.js";
import { bodiesOf, textBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { Gate } from "../support/gate.js";
import { TestInlet } from "../support/inlets.js";
import { staysPending } from "../support/pending.js";
import type { Behaviours, Bench } from "./behaviours.js";

/** One sink processor; `wire` gives it its ports, each with the sinks wired there. To be called once. */
export interface ProcessorBench extends Bench {
  wire(ports: readonly (readonly Inlet[])[]): { readonly inlet: Inlet; stop(): void };
}

const failed = () => new DeliveryError("FLUME_WRITE_FAILED");

function threeSinks(bench: ProcessorBench) {
  const sinks = [new TestInlet("a"), new TestInlet("b"), new TestInlet("c")];
  return { sinks, ...bench.wire(sinks.map((sink) => [sink])) };
}

function deliver(inlet: Inlet, ...texts: string[]): Promise<void> {
  return new Delivery(routesTo([inlet], textBatch(...texts))).attempt(NEVER);
}

/** As a channel's runner does: again and again, for sinks may have to wait for a penalty to end. */
async function untilAccepted(delivery: Delivery): Promise<void> {
  await eventually(async () => {
    await delivery.attempt(NEVER);
    return true;
  });
}

const allBodies = (sinks: readonly TestInlet[]) => bodiesOf(sinks.flatMap(({ accepted }) => accepted)).sort();
const tries = (sinks: readonly TestInlet[]) => sinks.reduce((sum, { prepares }) => sum + prepares, 0);

export const processorBehaviours = {
  "gives each batch to one of its sinks": async (bench) => {
    const { sinks, inlet } = threeSinks(bench);
    for (const text of ["1", "2", "3", "4"]) await deliver(inlet, text);
    assert.deepEqual(allBodies(sinks), ["1", "2", "3", "4"]);
  },

  "gives a batch to another sink when one fails, and to no third": async (bench) => {
    const { sinks, inlet } = threeSinks(bench);
    // Whichever is asked first fails: all but one would.
    for (const sink of sinks) sink.commitFailures.push(failed());
    sinks[1]?.commitFailures.shift();
    await deliver(inlet, "1");
    assert.deepEqual(allBodies(sinks), ["1"]);
    assert.deepEqual(sinks[1]?.bodies, ["1"]);
  },

  "gives a batch to another sink when one does not let it in": async (bench) => {
    const { sinks, inlet } = threeSinks(bench);
    for (const sink of sinks) sink.prepareGate = new Gate().opened;
    if (sinks[2]) sinks[2].prepareGate = undefined;
    await deliver(inlet, "1");
    assert.deepEqual(sinks[2]?.bodies, ["1"]);
  },

  "rejects what no sink takes, and delivers it once when it comes again": async (bench) => {
    const { sinks, inlet } = threeSinks(bench);
    for (const sink of sinks) sink.commitFailures.push(failed());
    const delivery = new Delivery(routesTo([inlet], textBatch("1", "2")));
    await assert.rejects(delivery.attempt(NEVER), { code: "FLUME_ALL_SINKS_FAILED", outcome: "none", retry: "later" });
    assert.deepEqual(allBodies(sinks), []);
    await untilAccepted(delivery);
    assert.deepEqual(allBodies(sinks), ["1", "2"]);
  },

  "says that something may be kept when a sink says so": async (bench) => {
    const { sinks, inlet } = threeSinks(bench);
    for (const sink of sinks) sink.commitFailures.push(new DeliveryError("FLUME_WRITE_FAILED", { outcome: "unknown" }));
    await assert.rejects(deliver(inlet, "1"), { code: "FLUME_ALL_SINKS_FAILED", outcome: "unknown" });
  },

  "offers a batch that can never be accepted to one sink only": async (bench) => {
    const { sinks, inlet } = threeSinks(bench);
    for (const sink of sinks) sink.prepareFailures.push(new DeliveryError("FLUME_BATCH_TOO_LARGE", { retry: "never" }));
    await assert.rejects(deliver(inlet, "1"), { code: "FLUME_BATCH_TOO_LARGE", retry: "never" });
    assert.equal(tries(sinks), 1);
  },

  "repeats nothing where several sinks at one port took their part before": async (bench) => {
    const [up, down] = [new TestInlet("up"), new TestInlet("down")];
    const { inlet } = bench.wire([[up, down]]);
    down.commitFailures.push(failed());
    const delivery = new Delivery(routesTo([inlet], textBatch("1")));
    await assert.rejects(delivery.attempt(NEVER), { outcome: "partial" });
    await untilAccepted(delivery);
    assert.deepEqual([up.bodies, down.bodies], [["1"], ["1"]]);
  },

  "withdraws a batch that waits for its turn when its signal aborts": async (bench) => {
    const { sinks, inlet } = threeSinks(bench);
    const gate = new Gate();
    for (const sink of sinks) sink.commitGate = gate.opened;
    const busy = sinks.slice(0, inlet.maxInFlight).map((_, i) => deliver(inlet, `busy ${i}`));
    const stop = new AbortController();
    const waiting = inlet.prepare(textBatch("withdrawn"), stop.signal);
    assert.ok(await staysPending(waiting, 5));
    stop.abort();
    await assert.rejects(waiting, { code: "FLUME_DELIVERY_ABORTED" });
    gate.open();
    await Promise.all(busy);
    await deliver(inlet, "next");
    assert.ok(!allBodies(sinks).includes("withdrawn"));
    assert.ok(allBodies(sinks).includes("next"));
  },

  "is free again after a batch that was prepared and aborted": async (bench) => {
    const { sinks, inlet } = threeSinks(bench);
    for (let i = 0; i < 5; i++) (await inlet.prepare(textBatch("aborted"), NEVER)).abort();
    await deliver(inlet, "1");
    assert.deepEqual(allBodies(sinks), ["1"]);
  },

  "lets batches in that wait, in order, when others end": async (bench) => {
    const sink = new TestInlet("only");
    const { inlet } = bench.wire([[sink]]);
    await Promise.all(["1", "2", "3", "4"].map((text) => deliver(inlet, text)));
    assert.deepEqual(sink.bodies, ["1", "2", "3", "4"]);
    assert.equal(sink.mostCommitting, 1);
  },

  "gets a batch whole that reaches it by two ways": async (bench) => {
    const { sinks, inlet } = threeSinks(bench);
    const routes = ["1", "2"].map((text): Route => ({ inlet, batch: textBatch(text), optional: false }));
    await new Delivery(routes).attempt(NEVER);
    assert.deepEqual(allBodies(sinks), ["1", "2"]);
  },

  "has the limits of its strictest sink": async (bench) => {
    const sinks = [new TestInlet("a"), new TestInlet("b")] as const;
    sinks[0].limits = { events: 10, bytes: 200 };
    sinks[1].limits = { events: 20, bytes: 100 };
    sinks[0].takeSize = 5;
    const { inlet } = bench.wire(sinks.map((sink) => [sink]));
    assert.deepEqual({ ...inlet.limits }, { events: 10, bytes: 100 });
    assert.ok(inlet.takeSize <= 5);
  },

  "passes over ports that nothing is wired to": async (bench) => {
    const sink = new TestInlet("only");
    const { inlet } = bench.wire([[], [sink], []]);
    for (const text of ["1", "2", "3"]) await deliver(inlet, text);
    assert.deepEqual(sink.bodies, ["1", "2", "3"]);
  },

  "refuses while nothing is wired to it": async (bench) => {
    const { inlet } = bench.wire([[], []]);
    await assert.rejects(deliver(inlet, "1"), { code: "FLUME_NO_TARGET", outcome: "none" });
  },

  "refuses once stopped, those who wait too": async (bench) => {
    const { sinks, inlet, stop } = threeSinks(bench);
    const gate = new Gate();
    for (const sink of sinks) sink.commitGate = gate.opened;
    const busy = sinks.slice(0, inlet.maxInFlight).map((_, i) => deliver(inlet, `busy ${i}`));
    const waiting = assert.rejects(inlet.prepare(textBatch("1"), NEVER), { code: "FLUME_STOPPED" });
    await new Promise(setImmediate);
    stop();
    await waiting;
    await assert.rejects(inlet.prepare(textBatch("2"), NEVER), { code: "FLUME_STOPPED" });
    gate.open();
    await Promise.all(busy);
    assert.equal(allBodies(sinks).length, inlet.maxInFlight);
  },
} satisfies Behaviours<ProcessorBench>;
