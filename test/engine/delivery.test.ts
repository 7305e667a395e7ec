import { strict as assert } from "node:assert";
import type { Inlet, Route } from "../../lib/engine/contracts.js";
import { Delivery, expandRoutes, NEVER, routesTo } from "../../lib/engine/delivery.js";
import { DeliveryError } from "../../lib/engine/errors.js";
import { numberBatch, textBatch } from "../support/event-batches.js";
import { Gate } from "../support/gate.js";
import { TestInlet } from "../support/inlets.js";
import { staysPending } from "../support/pending.js";

const failed = (how: ConstructorParameters<typeof DeliveryError>[1] = {}) =>
  new DeliveryError("FLUME_WRITE_FAILED", how);
const named = (...ids: string[]) => ids.map((id) => new TestInlet(id));
const required = (inlet: Inlet, text: string): Route => ({ inlet, batch: textBatch(text), optional: false });

/** Passes everything on to what it is given. */
function router(id: string, onward: readonly Route[]): Inlet {
  return Object.assign(new TestInlet(id), { route: () => onward });
}

describe("delivery", () => {
  it("reserves room in the order of ids, whatever the order of wires, and commits when all have room", async () => {
    const calls: string[] = [];
    const inlets = named("c", "a", "b");
    for (const inlet of inlets) {
      const prepare = inlet.prepare.bind(inlet);
      inlet.prepare = async (batch, signal) => {
        calls.push(`prepare ${inlet.id}`);
        const prepared = await prepare(batch, signal);
        return {
          commit: () => {
            calls.push(`commit ${inlet.id}`);
            return prepared.commit();
          },
          abort: () => prepared.abort(),
        };
      };
    }
    await new Delivery(routesTo(inlets, textBatch("1"))).attempt(NEVER);
    assert.deepEqual(calls.slice(0, 3), ["prepare a", "prepare b", "prepare c"]);
    assert.equal(calls.length, 6);
  });

  it("gives room back everywhere when one refuses, or when it is withdrawn", async () => {
    const [a, b, c] = named("a", "b", "c") as [TestInlet, TestInlet, TestInlet];
    c.prepareFailures.push(failed());
    await assert.rejects(new Delivery(routesTo([a, b, c], textBatch("1"))).attempt(NEVER), { outcome: "none" });
    c.prepareGate = new Gate().opened;
    const stop = new AbortController();
    const waiting = new Delivery(routesTo([a, b, c], textBatch("1"))).attempt(stop.signal);
    assert.ok(await staysPending(waiting, 5));
    assert.deepEqual([a.open, b.open], [1, 1]);
    stop.abort();
    await assert.rejects(waiting, { code: "FLUME_DELIVERY_ABORTED" });
    assert.deepEqual([a.open, b.open, c.open], [0, 0, 0]);
    assert.deepEqual([a.accepted.length, b.accepted.length, c.accepted.length], [0, 0, 0]);
  });

  it("tries again only where the batch is still owed, and says until then that a part is kept", async () => {
    const [a, b, c] = named("a", "b", "c") as [TestInlet, TestInlet, TestInlet];
    b.commitFailures.push(failed(), failed());
    c.commitFailures.push(failed());
    const delivery = new Delivery(routesTo([a, b, c], textBatch("1")));
    await assert.rejects(delivery.attempt(NEVER), { code: "FLUME_WRITE_FAILED", outcome: "partial" });
    await assert.rejects(delivery.attempt(NEVER), { code: "FLUME_WRITE_FAILED", outcome: "partial" });
    b.prepareFailures.push(failed());
    await assert.rejects(delivery.attempt(NEVER), { outcome: "partial" }, "one target left, and it has no room");
    await delivery.attempt(NEVER);
    assert.deepEqual([a.commits, b.commits, c.commits], [1, 3, 2]);
    assert.deepEqual([a.bodies, b.bodies, c.bodies], [["1"], ["1"], ["1"]]);
  });

  it("says that nothing is kept when none has accepted", async () => {
    const [a, b] = named("a", "b") as [TestInlet, TestInlet];
    a.commitFailures.push(failed());
    b.commitFailures.push(failed());
    await assert.rejects(new Delivery(routesTo([a, b], textBatch("1"))).attempt(NEVER), { outcome: "none" });
  });

  it("one that throws instead of rejecting keeps no other from its commit", async () => {
    const [a, b] = named("a", "b") as [TestInlet, TestInlet];
    const delivery = new Delivery(routesTo([a, b], textBatch("1")));
    a.prepare = async () => ({
      commit: () => {
        throw new TypeError("a fault");
      },
      abort: () => undefined,
    });
    await assert.rejects(delivery.attempt(NEVER), { code: "FLUME_DELIVERY_FAILED", outcome: "partial" });
    assert.deepEqual([b.bodies, b.open], [["1"], 0]);
  });

  it("foreign errors may have left anything behind", async () => {
    const [a, b] = named("a", "b") as [TestInlet, TestInlet];
    a.commitFailures.push(new Error("odd"));
    b.commitFailures.push(failed());
    const rejected = new Delivery(routesTo([a, b], textBatch("1"))).attempt(NEVER);
    await assert.rejects(rejected, { code: "FLUME_DELIVERY_FAILED", outcome: "unknown" });
  });

  it("goes by the routes of now after a deploy, but not where it was accepted", async () => {
    const [a, b, c] = named("a", "b", "c") as [TestInlet, TestInlet, TestInlet];
    b.commitFailures.push(failed());
    const batch = textBatch("1");
    const delivery = new Delivery(routesTo([a, b], batch));
    await assert.rejects(delivery.attempt(NEVER));
    // The same node, made anew by the deploy.
    const again = new TestInlet("a");
    delivery.reroute(routesTo([again, c], batch));
    await delivery.attempt(NEVER);
    assert.deepEqual([again.prepares, c.bodies], [0, ["1"]]);
  });

  it("what is owed to an inlet stays owed to it, whatever a router says now", async () => {
    const [a, b] = named("a", "b") as [TestInlet, TestInlet];
    b.commitFailures.push(failed());
    const delivery = new Delivery([required(a, "1"), required(b, "2")]);
    await assert.rejects(delivery.attempt(NEVER), { outcome: "partial" });
    delivery.reroute([required(a, "2"), required(b, "1")]);
    await delivery.attempt(NEVER);
    assert.deepEqual([a.bodies, b.bodies], [["1"], ["2"]]);
  });

  it("what was owed to an inlet that is gone goes where a router sends it now, also to one that has accepted others", async () => {
    const [a, b] = named("a", "b") as [TestInlet, TestInlet];
    b.commitFailures.push(failed());
    const delivery = new Delivery([required(a, "1"), required(b, "2")]);
    await assert.rejects(delivery.attempt(NEVER));
    delivery.reroute([required(a, "1"), required(a, "2")]);
    await delivery.attempt(NEVER);
    assert.ok(a.bodies.includes("2"), "lost");
  });

  it("counts ways, not only inlets: one accepted of two to the same leaves one owed", async () => {
    const [a] = named("a") as [TestInlet];
    a.limits = { events: 1, bytes: Number.POSITIVE_INFINITY };
    a.commitFailures.push(undefined, failed());
    const routes = [required(a, "1"), required(a, "2")];
    const delivery = new Delivery(routes);
    await assert.rejects(delivery.attempt(NEVER), { outcome: "partial" });
    delivery.reroute(routes);
    await delivery.attempt(NEVER);
    assert.equal(a.accepted.length, 2);
  });

  it("what reaches an inlet by several ways enters it as one batch, as far as its limits allow", async () => {
    const [a] = named("a") as [TestInlet];
    a.limits = { events: 3, bytes: Number.POSITIVE_INFINITY };
    const routes = ["1", "2", "3", "4", "5"].map((text) => required(a, text));
    await new Delivery(routes).attempt(NEVER);
    assert.deepEqual(
      a.accepted.map(({ length }) => length),
      [3, 2],
    );
    assert.deepEqual(a.bodies, ["1", "2", "3", "4", "5"]);
  });

  it("what can never be in an inlet at once by all its ways is too large, also when a part was accepted elsewhere", async () => {
    const [a, b] = named("a", "b") as [TestInlet, TestInlet];
    const full = Object.assign(a, { room: { events: 3, bytes: Number.POSITIVE_INFINITY } });
    full.limits = { events: 2, bytes: Number.POSITIVE_INFINITY };
    const two = (inlet: Inlet): Route => ({ inlet, batch: numberBatch(0, 2), optional: false });
    await assert.rejects(new Delivery([two(full), two(full)]).attempt(NEVER), {
      code: "FLUME_BATCH_TOO_LARGE",
      outcome: "none",
      retry: "never",
    });
    assert.equal(full.prepares, 0, "nothing waits for room");
    await new Delivery([two(full), required(full, "1")]).attempt(NEVER);
    assert.equal(full.bodies.length, 3);
    await assert.rejects(new Delivery([two(b), two(full), two(full)]).attempt(NEVER), { outcome: "none" });
    assert.equal(b.open, 0);
  });

  it("optional targets are asked once all required ones have accepted, and wait for nothing", async () => {
    const [need, full, room] = named("need", "full", "room") as [TestInlet, TestInlet, TestInlet];
    full.prepareGate = new Gate().opened;
    const missed: string[] = [];
    const optional = (inlet: Inlet): Route => ({ inlet, batch: numberBatch(0, 2), optional: true });
    const routes = [optional(full), optional(room), { ...optional(need), optional: false }];
    const delivery = new Delivery(routes, (route) => missed.push(route.inlet.id));
    need.commitFailures.push(failed());
    await assert.rejects(delivery.attempt(NEVER));
    assert.equal(room.prepares, 0);
    await delivery.attempt(NEVER);
    await new Promise(setImmediate);
    assert.deepEqual([missed, room.bodies], [["full"], ["0", "1"]]);
  });

  it("an optional target that fails on its commit is missed, too", async () => {
    const [a] = named("a") as [TestInlet];
    a.commitFailures.push(failed());
    let missed = 0;
    await new Delivery([{ ...required(a, "1"), optional: true }], () => missed++).attempt(NEVER);
    await new Promise(setImmediate);
    assert.equal(missed, 1);
  });

  it("leads through routers to the inlets at the ends; what is optional stays so; nothing goes where nothing is left", async () => {
    const [a, b, c] = named("a", "b", "c") as [TestInlet, TestInlet, TestInlet];
    const inner = router("inner", [required(a, "x"), { ...required(b, "y"), optional: true }]);
    const outer = router("outer", [
      { inlet: inner, batch: textBatch("i"), optional: true },
      required(inner, "i"),
      { inlet: c, batch: numberBatch(0, 0), optional: false },
    ]);
    const ends = await expandRoutes(routesTo([outer], textBatch("1")));
    assert.deepEqual(
      ends.map(({ inlet, optional }) => [inlet.id, optional]),
      [
        ["a", true],
        ["b", true],
        ["a", false],
        ["b", true],
      ],
    );
  });

  it("to nobody is accepted: an interceptor may have dropped everything", async () => {
    await new Delivery([]).attempt(NEVER);
  });
});
