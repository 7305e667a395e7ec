import assert from "node:assert/strict";
import fc from "fast-check";
import type { EventBatch } from "../../lib/engine/batch.js";
import type { Inlet } from "../../lib/engine/contracts.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { DeliveryError, type ErrorCode, HeadraceError, isDeliveryError } from "../../lib/engine/errors.js";
import { readConfig } from "../../lib/engine/properties.js";
import { component } from "../../nodes/routing/sink-processor/component.js";
import { createProcessor } from "../../nodes/routing/sink-processor/create-processor.js";
import { LoadBalanceOrder } from "../../nodes/routing/sink-processor/load-balance-order.js";
import { bodiesOf, numberBatch, textBatch } from "../support/event-batches.js";
import { Gate } from "../support/gate.js";
import { ManualClock } from "../support/manual-clock.js";
import { portsTo, routingContext, sendTo, TestInlet } from "./inlets.js";

const DOWN = new DeliveryError("FLUME_WRITE_FAILED", { parameters: { reason: "down" } });

function setUp(settings: object, ports: (Inlet | readonly Inlet[] | undefined)[]) {
  const { config, problems } = readConfig(component.properties, { ...settings });
  assert.deepEqual(problems, []);
  const clock = new ManualClock(1_000_000);
  const context = routingContext();
  const router = createProcessor(config, context, clock);
  const inlet = router.inlet?.(portsTo(...ports)) as Inlet;
  const write = (...texts: string[]) => sendTo(inlet, textBatch(...texts));
  return { clock, context, inlet, router, write };
}

function sinks(count: number): TestInlet[] {
  return Array.from({ length: count }, (_, i) => new TestInlet(`s${i + 1}`));
}

async function rejects(work: Promise<unknown>, code: ErrorCode): Promise<DeliveryError> {
  const error: unknown = await work.then(
    () => assert.fail("was accepted"),
    (thrown: unknown) => thrown,
  );
  assert.ok(isDeliveryError(error), String(error));
  assert.equal(error.code, code);
  return error;
}

/** Lets everything happen that waits for nothing but promises. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe("sink processor", () => {
  describe("failover", () => {
    const failover = (priorities: number[], ports: (Inlet | undefined)[], more: object = {}) =>
      setUp({ processor: "failover", sinks: priorities.map((priority) => ({ priority })), ...more }, ports);

    it("gives everything to the highest priority; equal ones go by the list", async () => {
      const [a, b, c] = sinks(3) as [TestInlet, TestInlet, TestInlet];
      const { write } = failover([1, 10, 10], [a, b, c]);
      await write("1");
      await write("2");
      assert.deepEqual([a.bodies, b.bodies, c.bodies], [[], ["1", "2"], []]);
    });

    it("leaves a sink that fails alone for 2, 4, 8, 16 s, then for the longest penalty", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write, clock } = failover([2, 1], [a, b], { maxPenalty: 30_000 });
      a.failure = DOWN;
      await write("x");
      for (const penalty of [2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]) {
        const { tries } = a;
        clock.pass(penalty - 1);
        await write("x");
        assert.equal(a.tries, tries, `tried within ${penalty} ms`);
        clock.pass(1);
        await write("x");
        assert.equal(a.tries, tries + 1, `tried after ${penalty} ms`);
      }
      assert.equal(b.bodies.length, 15, "the live sink is never starved");
    });

    it("keeps its penalties after very many failures", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write, clock } = failover([2, 1], [a, b]);
      a.failure = DOWN;
      for (let i = 0; i < 1100; i++) {
        await write("x");
        clock.pass(30_000);
      }
      const { tries } = a;
      await write("x");
      clock.pass(29_999);
      await write("x");
      assert.equal(a.tries, tries + 1);
    });

    it("goes back to a sink that works again, and forgets its failures", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write, clock } = failover([2, 1], [a, b]);
      a.failure = DOWN;
      await write("1");
      clock.pass(2000);
      a.failure = undefined;
      await write("2");
      await write("3");
      assert.deepEqual([a.bodies, b.bodies], [["2", "3"], ["1"]]);
      a.failure = DOWN;
      await write("4");
      clock.pass(2000);
      const { tries } = a;
      await write("5");
      assert.equal(a.tries, tries + 1);
    });

    it("says so when all have failed, then waits until the first penalty ends", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write, clock } = failover([2, 1], [a, b]);
      a.failure = DOWN;
      b.failure = new DeliveryError("FLUME_WRITE_FAILED", { outcome: "unknown", parameters: { reason: "lost" } });
      const error = await rejects(write("x"), "FLUME_ALL_SINKS_FAILED");
      assert.match(error.message, /^All sinks failed to process, nothing left to failover to/);
      assert.equal(error.outcome, "unknown");
      a.failure = undefined;
      const waiting = write("y");
      for (const step of [1000, 999]) {
        await settle();
        clock.pass(step);
      }
      await settle();
      assert.deepEqual([a.tries, b.tries], [1, 1]);
      clock.pass(1);
      await waiting;
      assert.deepEqual(a.bodies, ["y"]);
    });

    it("does not take a sink that refuses an event for one that is down, nor another one as a way round", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write } = failover([2, 1], [a, b]);
      const reason = new HeadraceError("FLUME_EVENT_TOO_LARGE", { bytes: 2, limit: 1 });
      a.failure = new DeliveryError(reason.code, { refused: new Map([[0, reason]]) });
      const error = await rejects(write("x"), "FLUME_EVENT_TOO_LARGE");
      assert.equal(error.refused?.size, 1);
      assert.equal(b.tries, 0);
      a.failure = undefined;
      await write("y");
      assert.deepEqual(a.bodies, ["y"]);
    });

    it("passes a sink by that does not take the batch in time, for less time when it has failed before", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write, clock } = failover([2, 1], [a, b]);
      a.deaf = true;
      const first = write("1");
      await settle();
      clock.pass(999);
      await settle();
      assert.deepEqual(b.bodies, []);
      clock.pass(1);
      await first;
      assert.deepEqual(b.bodies, ["1"]);
      clock.pass(2000);
      const second = write("2");
      await settle();
      clock.pass(100);
      await second;
      assert.deepEqual(b.bodies, ["1", "2"]);
    });

    it("does not cut a write off that has begun", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write, clock } = failover([2, 1], [a, b]);
      const gate = new Gate();
      a.gate = gate.opened;
      const written = write("1");
      await settle();
      clock.pass(60_000);
      await settle();
      assert.equal(b.tries, 0);
      gate.open();
      await written;
      assert.deepEqual(a.bodies, ["1"]);
    });

    it("skips outputs that nothing is wired to, and needs one that is", async () => {
      const [b] = sinks(1) as [TestInlet];
      const { write } = failover([2, 1], [undefined, b]);
      await write("1");
      assert.deepEqual(b.bodies, ["1"]);
      await rejects(failover([2, 1], [undefined, undefined]).write("x"), "FLUME_NO_TARGET");
    });

    it("does not punish a sink that a deploy replaces", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write } = failover([2, 1], [a, b]);
      a.failure = new DeliveryError("FLUME_STOPPED");
      await write("1");
      a.failure = undefined;
      await write("2");
      assert.deepEqual([a.bodies, b.bodies], [["2"], ["1"]]);
      a.failure = b.failure = new DeliveryError("FLUME_STOPPED");
      await rejects(write("3"), "FLUME_STOPPED");
    });

    it("writes one batch at a time, in order, and withdraws one that waits", async () => {
      const [a] = sinks(1) as [TestInlet];
      const { write, inlet } = failover([1], [a]);
      assert.equal(inlet.maxInFlight, 1);
      const gate = new Gate();
      a.gate = gate.opened;
      const withdraw = new AbortController();
      const first = write("1");
      await settle();
      const second = inlet.prepare(textBatch("withdrawn"), withdraw.signal);
      const third = write("3");
      withdraw.abort();
      await rejects(second, "FLUME_DELIVERY_ABORTED");
      gate.open();
      await Promise.all([first, third]);
      assert.deepEqual(a.bodies, ["1", "3"]);
      assert.equal(a.mostUnderWay, 1);
    });

    it("asks for as many events as the smallest batch size", () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      a.takeSize = 500;
      b.takeSize = 100;
      b.limits = { events: 10, bytes: 1000 };
      const { inlet } = failover([2, 1], [a, b]);
      assert.equal(inlet.takeSize, 100);
      assert.deepEqual(inlet.limits, { events: 10, bytes: 1000 });
    });

    it("writes again only where several wires of one output have not accepted", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { inlet, clock } = setUp({ processor: "failover", sinks: [{}] }, [[a, b]]);
      const batch = textBatch("1");
      b.failure = DOWN;
      const error = await rejects(sendTo(inlet, batch), "FLUME_ALL_SINKS_FAILED");
      assert.equal(error.outcome, "partial");
      b.failure = undefined;
      clock.pass(2000);
      await sendTo(inlet, batch);
      assert.deepEqual([a.bodies, b.bodies], [["1"], ["1"]]);
      await sendTo(inlet, batch);
      assert.deepEqual(
        [a.bodies, b.bodies],
        [
          ["1", "1"],
          ["1", "1"],
        ],
        "the same batch once more is another delivery",
      );
    });
  });

  describe("load balancing", () => {
    const balance = (settings: object, ports: (Inlet | undefined)[]) =>
      setUp({ processor: "load_balance", sinks: ports.map(() => ({})), ...settings }, ports);

    it("goes round by batches", async () => {
      const all = sinks(3);
      const { write } = balance({}, all);
      for (let i = 0; i < 7; i++) await write(String(i));
      assert.deepEqual(
        all.map(({ bodies }) => bodies.join("")),
        ["036", "14", "25"],
      );
    });

    it("tries the others when one fails; without back-off, the next time again", async () => {
      const all = sinks(3) as [TestInlet, TestInlet, TestInlet];
      const { write } = balance({}, all);
      all[1].failure = DOWN;
      for (let i = 0; i < 6; i++) await write(String(i));
      assert.deepEqual(
        all.map(({ bodies }) => bodies.join("")),
        ["03", "", "1245"],
      );
      assert.equal(all[1].tries, 2);
    });

    it("with back-off leaves a sink out for 2 s, 4 s … up to the longest", async () => {
      const all = sinks(2) as [TestInlet, TestInlet];
      const { write, clock } = balance({ backoff: true, maxTimeOut: 10_000 }, all);
      all[0].failure = DOWN;
      await write("x");
      for (const wait of [2000, 4000, 8000, 10_000, 10_000]) {
        const { tries } = all[0];
        clock.pass(wait - 1);
        await write("x");
        await write("x");
        assert.equal(all[0].tries, tries, `tried within ${wait} ms`);
        clock.pass(1);
        await write("x");
        await write("x");
        assert.equal(all[0].tries, tries + 1, `tried after ${wait} ms`);
      }
    });

    it("begins with short back-offs again after more than an hour", async () => {
      const all = sinks(2) as [TestInlet, TestInlet];
      const { write, clock } = balance({ backoff: true }, all);
      all[0].failure = DOWN;
      await write("x");
      clock.pass(2000);
      await write("x");
      await write("x");
      clock.pass(3_600_000 + 4000);
      await write("x");
      await write("x");
      const { tries } = all[0];
      clock.pass(2000);
      await write("x");
      await write("x");
      assert.equal(all[0].tries, tries + 1);
    });

    for (const selector of ["round_robin", "random"]) {
      it(`says so when all have failed, then waits while all are left out (${selector})`, async () => {
        const all = sinks(2) as [TestInlet, TestInlet];
        const { write, router } = balance({ backoff: true, selector }, all);
        for (const one of all) one.failure = DOWN;
        await rejects(write("x"), "FLUME_ALL_SINKS_FAILED");
        const waiting = rejects(write("x"), "FLUME_STOPPED");
        await settle();
        assert.deepEqual([all[0].tries, all[1].tries], [1, 1]);
        router.stop?.();
        await waiting;
      });
    }

    it("shuffles with every order possible", () => {
      const seen = new Set<string>();
      const settings = { selector: "random", backoff: false, maxTimeOut: 0, sinks: [1, 2, 3] } as const;
      const order = new LoadBalanceOrder(settings, new ManualClock());
      for (let i = 0; i < 500; i++)
        seen.add(
          order
            .turns(() => true)
            .map(({ port }) => port)
            .join(""),
        );
      assert.deepEqual([...seen].sort(), ["012", "021", "102", "120", "201", "210"]);
    });
  });

  describe("compete", () => {
    const compete = (ports: (Inlet | undefined)[]) =>
      setUp({ processor: "compete", sinks: ports.map(() => ({})) }, ports);

    it("gives each batch to an idle sink, one at a time; a slow one gets fewer", async () => {
      const [slow, fast] = sinks(2) as [TestInlet, TestInlet];
      const { write, inlet } = compete([slow, fast]);
      assert.equal(inlet.maxInFlight, 2);
      const gate = new Gate();
      slow.gate = gate.opened;
      const all = Array.from({ length: 10 }, (_, i) => write(String(i)));
      await settle();
      assert.deepEqual(fast.bodies, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
      gate.open();
      await Promise.all(all);
      assert.deepEqual(slow.bodies, ["0"]);
      assert.equal(fast.mostUnderWay, 1);
    });

    it("takes turns when all are idle", async () => {
      const all = sinks(3);
      const { write } = compete(all);
      for (let i = 0; i < 6; i++) await write(String(i));
      assert.deepEqual(
        all.map(({ bodies }) => bodies.join("")),
        ["03", "14", "25"],
      );
    });

    it("gives the batch of a sink that fails to another, and lets the one that failed rest for 5 s", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write, clock } = compete([a, b]);
      a.failure = DOWN;
      for (let i = 0; i < 4; i++) await write(String(i));
      assert.equal(a.tries, 1);
      assert.deepEqual(b.bodies, ["0", "1", "2", "3"]);
      clock.pass(5000);
      a.failure = undefined;
      await write("4");
      assert.deepEqual(a.bodies, ["4"]);
    });

    it("says so when all have failed, then waits until one has rested", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write, clock } = compete([a, b]);
      a.failure = b.failure = DOWN;
      await rejects(write("1"), "FLUME_ALL_SINKS_FAILED");
      a.failure = b.failure = undefined;
      const waiting = write("2");
      await settle();
      assert.deepEqual([a.tries, b.tries], [1, 1]);
      clock.pass(5000);
      await waiting;
      assert.equal(a.bodies.length + b.bodies.length, 1);
    });

    it("waits for a busy sink that has not been tried", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write } = compete([a, b]);
      const gate = new Gate();
      b.gate = gate.opened;
      await write("0");
      const busy = write("1");
      a.failure = DOWN;
      const waiting = write("2");
      await settle();
      assert.deepEqual([a.tries, b.tries], [2, 1]);
      gate.open();
      await Promise.all([busy, waiting]);
      assert.deepEqual([a.bodies, b.bodies], [["0"], ["1", "2"]]);
    });

    it("does not let a sink rest that refuses an event, and asks no other one", async () => {
      const [a, b] = sinks(2) as [TestInlet, TestInlet];
      const { write } = compete([a, b]);
      const reason = new HeadraceError("FLUME_EVENT_TOO_LARGE", { bytes: 2, limit: 1 });
      a.failure = new DeliveryError(reason.code, { refused: new Map([[0, reason]]) });
      await rejects(write("1"), "FLUME_EVENT_TOO_LARGE");
      assert.deepEqual([a.tries, b.tries], [1, 0]);
      a.failure = undefined;
      await write("2");
      await write("3");
      assert.deepEqual([a.bodies, b.bodies], [["3"], ["2"]]);
    });

    it("withdraws those who wait when it stops", async () => {
      const [a] = sinks(1) as [TestInlet];
      const { write, router, inlet } = compete([a]);
      const gate = new Gate();
      a.gate = gate.opened;
      const first = write("1");
      await settle();
      const waiting = inlet.prepare(textBatch("2"), NEVER);
      router.stop?.();
      await rejects(waiting, "FLUME_STOPPED");
      await rejects(inlet.prepare(textBatch("3"), NEVER), "FLUME_STOPPED");
      gate.open();
      await first;
      assert.deepEqual(a.bodies, ["1"]);
    });

    it("gives a reserved sink back when the batch goes elsewhere", async () => {
      const [a] = sinks(1) as [TestInlet];
      const { write, inlet } = compete([a]);
      const prepared = await inlet.prepare(textBatch("x"), NEVER);
      const waiting = write("1");
      prepared.abort();
      await waiting;
      assert.deepEqual(a.bodies, ["1"]);
    });
  });

  it("loses nothing and repeats nothing, whichever sinks fail when", async () => {
    const processors = fc.constantFrom("failover", "load_balance", "compete");
    const failures = fc.array(fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(processors, fc.boolean(), failures, async (processor, backoff, rounds) => {
        const all = sinks(3);
        const { inlet, clock, context } = setUp({ processor, backoff, sinks: [{}, {}, {}] }, all);
        const accepted: EventBatch[] = [];
        for (const [i, round] of rounds.entries()) {
          for (const [s, one] of all.entries()) one.failure = round[s] ? DOWN : undefined;
          const batch = numberBatch(i * 3, 3);
          // Everybody who rests may be used again, so nothing waits for the clock.
          clock.pass(60_000);
          try {
            await sendTo(inlet, batch);
            accepted.push(batch);
          } catch {
            assert.ok(round.every(Boolean), "rejected although one sink worked");
          }
        }
        const written = bodiesOf(all.flatMap(({ batches }) => batches)).map(Number);
        assert.deepEqual(
          written.sort((x, y) => x - y),
          bodiesOf(accepted).map(Number),
        );
        assert.equal(context.counters.get("EventReceivedCount"), written.length);
      }),
      { numRuns: 200 },
    );
  });
});
