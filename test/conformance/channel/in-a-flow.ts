import { strict as assert } from "node:assert";
import { ChannelRunner, type RunnerEvents } from "../../../lib/engine/channel-runner.js";
import type { Channel, Inlet, Route } from "../../../lib/engine/contracts.js";
import { Delivery, NEVER, routesTo } from "../../../lib/engine/delivery.js";
import { DeliveryError, isDeliveryError } from "../../../lib/engine/errors.js";
import { DeliveryLane } from "../../../lib/engine/lane.js";
import { eventually } from "../../support/eventually.js";
import { numberBatch, textBatch } from "../../support/event-batches.js";
import { Gate } from "../../support/gate.js";
import { TestInlet } from "../../support/inlets.js";
import { staysPending } from "../../support/pending.js";
import type { Behaviours } from "../behaviours.js";
import {
  assertRoomFor,
  type ChannelBench,
  consumerOf,
  assertGives,
  LONG,
  put,
  putBatch,
  take,
} from "./channel-bench.js";

const failed = () => new DeliveryError("FLUME_WRITE_FAILED");
const one = { capacity: 1, transactionCapacity: 1, keepAlive: LONG };

function deliver(targets: readonly Inlet[], text: string): Promise<void> {
  return new Delivery(routesTo(targets, textBatch(text))).attempt(NEVER);
}

function runner(channel: Channel, targets: readonly Inlet[], events: Partial<RunnerEvents> = {}): ChannelRunner {
  const silent: RunnerEvents = { report: () => undefined, onMiss: () => undefined };
  return new ChannelRunner(channel, "runner", { inlets: () => targets }, { ...silent, ...events });
}

const numbers = (end: number) => Array.from({ length: end }, (_, i) => String(i));

export const inAFlow = {
  "keeps nothing of a fan-out that another target refuses": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2 });
    // Prepared in the order of their ids: one that comes before the channel, and one that comes after it.
    for (const id of ["", "\uffff"]) {
      const refusing = new TestInlet(id);
      refusing.prepareFailures.push(failed());
      await assert.rejects(deliver([channel, refusing], "1"), { code: "FLUME_WRITE_FAILED", outcome: "none" });
      await assertRoomFor(channel, 2);
    }
    await assertGives(channel, []);
  },

  "makes the others keep nothing of a fan-out that it refuses": async (bench) => {
    const channel = await bench.open({ capacity: 1, transactionCapacity: 1 });
    await put(channel, "full");
    const others = [new TestInlet(""), new TestInlet("\uffff")];
    await assert.rejects(deliver([...others, channel], "1"), { code: "FLUME_CHANNEL_FULL", outcome: "none" });
    for (const other of others) assert.deepEqual([other.accepted.length, other.open], [0, 0]);
  },

  "gets a batch once, however often it is tried again for another target": async (bench) => {
    const channel = await bench.open();
    const other = new TestInlet("other");
    other.commitFailures.push(failed(), failed());
    const delivery = new Delivery(routesTo([channel, other], textBatch("1")));
    await assert.rejects(delivery.attempt(NEVER), { outcome: "partial" });
    await assert.rejects(delivery.attempt(NEVER), { outcome: "partial" });
    await delivery.attempt(NEVER);
    assert.deepEqual(other.bodies, ["1"]);
    await assertGives(channel, ["1"]);
  },

  "never makes two fan-outs wait for each other, whatever the order of their wires": async (bench) => {
    const first = await bench.open(one);
    const second = await bench.open(one);
    await put(first, "full");
    await put(second, "full");
    const deliveries = [deliver([first, second], "1"), deliver([second, first], "2")];
    const all: string[][] = [[], []];
    for (let round = 0; round < 3; round++) {
      for (const [i, channel] of [first, second].entries()) {
        const consumer = consumerOf(channel);
        const taken = await take(consumer);
        all[i]?.push(...[...taken.batch].map((event) => event.body.toString()));
        await taken.commit();
        await consumer.close();
      }
    }
    await Promise.all(deliveries);
    assert.deepEqual(all[0], all[1]);
    assert.equal(all[0]?.length, 3);
  },

  "gets both halves of a batch that reaches it by two ways": async (bench) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2 });
    const routes = ["1", "2"].map((text): Route => ({ inlet: channel, batch: textBatch(text), optional: false }));
    await new Delivery(routes).attempt(NEVER);
    await assertGives(channel, ["1", "2"]);
  },

  "holds nobody up where it is optional and full; what it misses is counted": async (bench) => {
    const channel = await bench.open({ ...one, capacity: 1 });
    await put(channel, "full");
    const required = new TestInlet("required");
    let missed = 0;
    const routes: Route[] = [
      { inlet: channel, batch: textBatch("1"), optional: true },
      { inlet: required, batch: textBatch("1"), optional: false },
    ];
    await new Delivery(routes, (route) => (missed += route.batch.length)).attempt(NEVER);
    assert.deepEqual(required.bodies, ["1"]);
    await eventually(() => missed === 1);
    await assertGives(channel, ["full"]);
  },

  "gets what it has room for where it is optional, after the required ones have accepted": async (bench) => {
    const channel = await bench.open();
    const required = new TestInlet("required");
    required.commitFailures.push(failed());
    const routes: Route[] = [
      { inlet: channel, batch: textBatch("1"), optional: true },
      { inlet: required, batch: textBatch("1"), optional: false },
    ];
    const delivery = new Delivery(routes, () => assert.fail("nothing is missed"));
    await assert.rejects(delivery.attempt(NEVER));
    await delivery.attempt(NEVER);
    await eventually(() => channel.size !== 0);
    await assertGives(channel, ["1"]);
  },

  "takes the batches of a lane in order, and none behind one that it refused, until the lane is reset": async (
    bench,
  ) => {
    const channel = await bench.open({ capacity: 2, transactionCapacity: 2 });
    const lane = new DeliveryLane((batch, signal) => channel.prepare(batch, signal));
    const results = await Promise.allSettled(
      [["1"], ["2", "3"], ["4"]].map((texts) => lane.deliver(textBatch(...texts), NEVER)),
    );
    assert.deepEqual(
      results.map((result) => (result.status === "fulfilled" ? "" : (result.reason as DeliveryError).code)),
      ["", "FLUME_CHANNEL_FULL", "FLUME_LANE_STOPPED"],
    );
    await assert.rejects(lane.deliver(textBatch("4"), NEVER), { code: "FLUME_LANE_STOPPED", outcome: "none" });
    await assertGives(channel, ["1"]);
    lane.reset();
    await Promise.all([lane.deliver(textBatch("2"), NEVER), lane.deliver(textBatch("3"), NEVER)]);
    await assertGives(channel, ["2", "3"]);
  },

  "brings every event to its sink once, in order, though the sink fails now and then": async (bench) => {
    const channel = await bench.open({ capacity: 50, transactionCapacity: 10, keepAlive: LONG });
    const sink = new TestInlet("sink");
    sink.takeSize = 7;
    sink.commitFailures.push(undefined, failed());
    sink.prepareFailures.push(undefined, undefined, failed());
    const running = runner(channel, [sink]);
    running.start();
    for (let i = 0; i < 100; i += 10) await putBatch(channel, numberBatch(i, 10));
    await eventually(() => sink.bodies.length >= 100);
    await running.stop();
    assert.deepEqual(sink.bodies, numbers(100));
    await assertGives(channel, []);
    assert.ok(sink.accepted.every((batch) => batch.length <= 7));
  },

  "serves several wires, and repeats nothing for those that work while one is down": async (bench) => {
    const channel = await bench.open();
    const [up, down] = [new TestInlet("up"), new TestInlet("down")];
    const reports: unknown[] = [];
    down.commitFailures.push(failed());
    const running = runner(channel, [up, down], { report: (error) => void reports.push(error) });
    running.start();
    await put(channel, "1", "2");
    await eventually(() => down.bodies.length >= 2);
    await running.stop();
    assert.deepEqual(
      [up.bodies, down.bodies],
      [
        ["1", "2"],
        ["1", "2"],
      ],
    );
    assert.ok(isDeliveryError(reports[0]) && reports[0].outcome === "partial");
    assert.equal(reports.at(-1), undefined, "says when the trouble is over");
  },

  "has as many batches under way as its sink allows": async (bench) => {
    const channel = await bench.open();
    const sink = new TestInlet("sink");
    sink.maxInFlight = 3;
    sink.takeSize = 2;
    const gate = new Gate();
    sink.commitGate = gate.opened;
    const running = runner(channel, [sink]);
    running.start();
    await putBatch(channel, numberBatch(0, 20));
    await eventually(() => sink.commits === 3);
    assert.ok(await staysPending(new Promise((resolve) => setTimeout(resolve, 1000))));
    assert.equal(sink.mostCommitting, 3);
    gate.open();
    await eventually(() => sink.bodies.length === 20);
    await running.stop();
    assert.equal(sink.mostCommitting, 3);
    assert.deepEqual([...sink.bodies].sort(), numbers(20).sort());
  },

  "lets the delivery under way settle when its runner stops, and goes on when it starts again": async (bench) => {
    const channel = await bench.open();
    const sink = new TestInlet("sink");
    sink.takeSize = 2;
    const gate = new Gate();
    sink.commitGate = gate.opened;
    const running = runner(channel, [sink]);
    running.start();
    await put(channel, "1", "2", "3", "4");
    await eventually(() => sink.commits === 1);
    const stopping = running.stop();
    assert.ok(await staysPending(stopping));
    gate.open();
    await stopping;
    assert.deepEqual(sink.bodies, ["1", "2"]);
    running.start();
    await eventually(() => sink.bodies.length === 4);
    await running.stop();
    assert.deepEqual(sink.bodies, ["1", "2", "3", "4"]);
  },

  "has everything back that was not accepted when its runner stops": async (bench) => {
    const channel = await bench.open();
    const sink = new TestInlet("sink");
    sink.takeSize = 2;
    sink.maxInFlight = 2;
    // More than there can be tries before it is stopped.
    sink.commitFailures.push(...Array.from({ length: 10_000 }, failed));
    const running = runner(channel, [sink]);
    running.start();
    await put(channel, "1", "2", "3", "4", "5");
    await eventually(() => sink.commits >= 2);
    await running.stop();
    assert.deepEqual(sink.bodies, []);
    await assertGives(channel, ["1", "2", "3", "4", "5"]);
  },
} satisfies Behaviours<ChannelBench>;
