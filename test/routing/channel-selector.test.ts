import assert from "node:assert/strict";
import fc from "fast-check";
import { batchOf, type EventBatch } from "../../lib/engine/batch.js";
import type { RefusalPolicy } from "../../lib/engine/common-properties.js";
import { DeliveryError, type ErrorCode, isDeliveryError } from "../../lib/engine/errors.js";
import { copyHeaders, createEvent } from "../../lib/engine/event.js";
import { readConfig } from "../../lib/engine/properties.js";
import { component } from "../../nodes/routing/channel-selector/component.js";
import { LoadBalancingSelector } from "../../nodes/routing/channel-selector/load-balancing-selector.js";
import { numberBatch } from "../support/event-batches.js";
import { portsTo, routingContext, send, TestInlet } from "./inlets.js";

function selector(settings: object, context = routingContext()) {
  const { config, problems } = readConfig(component.properties, { ...settings });
  assert.deepEqual(problems, []);
  return component.create(config, context);
}

/** One event for each value, its body the value; undefined: without the header. */
function valued(...values: (string | undefined)[]): EventBatch {
  return batchOf(
    values.map((value) =>
      createEvent(Buffer.from(String(value)), copyHeaders(value === undefined ? {} : { state: value })),
    ),
  );
}

function inlets(count: number): TestInlet[] {
  return Array.from({ length: count }, (_, i) => new TestInlet(`c${i + 1}`));
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

describe("channel selector", () => {
  describe("replicating", () => {
    it("gives every event to every channel, each wire of a port included", async () => {
      const [a, b, c] = inlets(3) as [TestInlet, TestInlet, TestInlet];
      const router = selector({ channels: [{}, {}] });
      await send(router, numberBatch(0, 3), portsTo(a, [b, c]));
      for (const one of [a, b, c]) assert.deepEqual(one.bodies, ["0", "1", "2"]);
    });

    it("waits for a required channel, not for an optional one", async () => {
      const [a, b] = inlets(2) as [TestInlet, TestInlet];
      const router = selector({ channels: [{}, { optional: true }] });
      b.failure = new DeliveryError("FLUME_CHANNEL_FULL");
      await send(router, numberBatch(0, 2), portsTo(a, b));
      assert.deepEqual(a.bodies, ["0", "1"]);
      a.failure = b.failure;
      b.failure = undefined;
      await rejects(send(router, numberBatch(2, 2), portsTo(a, b)), "FLUME_CHANNEL_FULL");
      assert.deepEqual(b.bodies, [], "an optional channel gets nothing before the required ones have accepted");
    });

    it("keeps the batch while a required output has nothing wired to it", async () => {
      const [a] = inlets(1);
      const router = selector({ channels: [{}, { name: "audit" }] });
      const error = await rejects(send(router, numberBatch(0, 2), portsTo(a, undefined)), "FLUME_PORT_NOT_WIRED");
      assert.match(error.message, /output 2 \(audit\)/);
      assert.equal(error.retry, "later");
      assert.deepEqual(a?.bodies, []);
    });

    it("counts what an optional output without a wire misses", async () => {
      const [a] = inlets(1);
      const context = routingContext();
      await send(selector({ channels: [{}, { optional: true }] }, context), numberBatch(0, 2), portsTo(a, undefined));
      assert.deepEqual(a?.bodies, ["0", "1"]);
      assert.equal(context.counters.get("EventOptionalMissCount"), 2);
    });
  });

  describe("multiplexing", () => {
    const multiplexing = (channels: object[], context = routingContext()) =>
      selector({ selector: "multiplexing", header: "state", channels }, context);

    async function spread(channels: object[], ...values: (string | undefined)[]): Promise<string[]> {
      const all = inlets(channels.length);
      await send(multiplexing(channels), valued(...values), portsTo(...all));
      return all.map(({ bodies }) => bodies.join(" "));
    }

    it("goes by the value as it is written; the rest goes to the default", async () => {
      const channels = [{ values: "CZ, US" }, { values: "US,DE" }, { isDefault: true }];
      assert.deepEqual(await spread(channels, "CZ", "US", "DE", "cz", undefined, " ", "US"), [
        "CZ US US",
        "US DE US",
        "cz undefined  ",
      ]);
    });

    it("knows values that every object has", async () => {
      assert.deepEqual(await spread([{ values: "__proto__" }, { isDefault: true }], "__proto__", "constructor"), [
        "__proto__",
        "constructor",
      ]);
    });

    it("copies to optional channels, except those that get the event anyway", async () => {
      const channels = [
        { values: "a", optionalValues: "a,b" },
        { optionalValues: "a,c" },
        { isDefault: true, optionalValues: "c" },
      ];
      assert.deepEqual(await spread(channels, "a", "b", "c"), ["a b", "a c", "b c"]);
    });

    it("takes a value that has only optional channels as mapped", async () => {
      assert.deepEqual(await spread([{ optionalValues: "a" }, { values: "b" }], "a", "b"), ["a", "b"]);
    });

    it("holds nobody up for an optional channel", async () => {
      const [a, b] = inlets(2) as [TestInlet, TestInlet];
      b.failure = new DeliveryError("FLUME_CHANNEL_FULL");
      for (const second of [{ optionalValues: "x" }, { values: "x", optional: true }]) {
        await send(multiplexing([{ values: "x" }, second]), valued("x"), portsTo(a, b));
      }
      assert.deepEqual(a.bodies, ["x", "x"]);
    });

    it("needs a wire only where an event goes", async () => {
      const [a] = inlets(1);
      const router = multiplexing([{ values: "a" }, { values: "b" }]);
      await send(router, valued("a"), portsTo(a, undefined));
      await rejects(send(router, valued("a", "b"), portsTo(a, undefined)), "FLUME_PORT_NOT_WIRED");
      assert.deepEqual(a?.bodies, ["a"]);
    });

    describe("of an event that leads nowhere", () => {
      async function by(policy: RefusalPolicy) {
        const context = routingContext(policy);
        const [a] = inlets(1) as [TestInlet];
        const sent = send(multiplexing([{ values: "a" }], context), valued("a", "b", undefined), portsTo(a));
        return { context, a, sent };
      }

      it("keeps the batch, and names it", async () => {
        const { sent, a } = await by("block");
        const error = await rejects(sent, "FLUME_HEADER_NOT_MAPPED");
        assert.deepEqual([...(error.refused?.keys() ?? [])], [1, 2]);
        assert.match(error.message, /state has the value "b"/);
        assert.deepEqual(a.bodies, []);
      });

      it("drops and counts it when told to, as Flume does without a word", async () => {
        const { sent, a, context } = await by("drop");
        await sent;
        assert.deepEqual(a.bodies, ["a"]);
        assert.equal(context.counters.get("EventDropCount"), 2);
      });

      it("sends it to the dead-letter port", async () => {
        const { sent, a, context } = await by("port");
        await sent;
        assert.deepEqual(a.bodies, ["a"]);
        assert.deepEqual(context.deadLetter.bodies, ["b", "undefined"]);
      });
    });

    it("loses nothing: each event goes where a plain look-up says", async () => {
      const value = fc.constantFrom("a", "b", "c", "d");
      const values = fc.array(value, { maxLength: 3 }).map((some) => some.join(","));
      const channel = fc.record({ values, optionalValues: values, isDefault: fc.boolean(), optional: fc.boolean() });
      await fc.assert(
        fc.asyncProperty(
          fc.array(channel, { minLength: 1, maxLength: 4 }),
          fc.array(value),
          async (channels, events) => {
            const context = routingContext("port");
            const all = inlets(channels.length);
            await send(multiplexing(channels, context), valued(...events), portsTo(...all));
            const named = (list: string, event: string) => list.split(",").includes(event);
            for (const [i, { values: mine, optionalValues, isDefault }] of channels.entries()) {
              const wanted = events.filter(
                (event) =>
                  named(mine, event) ||
                  named(optionalValues, event) ||
                  (isDefault && !channels.some((other) => named(other.values, event))),
              );
              // Its optional share enters a channel after the required one.
              assert.deepEqual(all[i]?.bodies.sort(), wanted.sort());
            }
            const reached = new Set(all.flatMap(({ bodies }) => bodies));
            assert.deepEqual(
              context.deadLetter.bodies,
              events.filter((event) => !reached.has(event)),
            );
          },
        ),
      );
    });
  });

  describe("load balancing", () => {
    const balancing = (policy: string, count: number) =>
      selector({ selector: "load_balancing", policy, channels: Array.from({ length: count }, () => ({})) });

    it("gives one event to each channel in turn, over batches, beginning with the first", async () => {
      const all = inlets(3);
      const router = balancing("round_robin", 3);
      await send(router, numberBatch(0, 4), portsTo(...all));
      await send(router, numberBatch(4, 3), portsTo(...all));
      assert.deepEqual(
        all.map(({ bodies }) => bodies.join("")),
        ["036", "14", "25"],
      );
    });

    it("leaves out channels that nothing is wired to, and waits when that is all of them", async () => {
      const [a, b] = inlets(2);
      const router = balancing("round_robin", 3);
      await send(router, numberBatch(0, 4), portsTo(a, undefined, b));
      assert.deepEqual(
        [a?.bodies, b?.bodies],
        [
          ["0", "2"],
          ["1", "3"],
        ],
      );
      await rejects(send(router, numberBatch(0, 1), portsTo(undefined, undefined, undefined)), "FLUME_PORT_NOT_WIRED");
    });

    it("chooses at random", async () => {
      const all = inlets(2);
      const numbers = [0.9, 0.1, 0.2];
      const router = new LoadBalancingSelector([{ name: "" }, { name: "" }], "random", () => numbers.shift() ?? 0);
      await send(router, numberBatch(0, 3), portsTo(...all));
      assert.deepEqual([all[0]?.bodies, all[1]?.bodies], [["1", "2"], ["0"]]);
    });

    it("loses nothing and shares fairly, whatever the sizes of the batches", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat({ max: 20 })), fc.integer({ min: 1, max: 5 }), async (sizes, count) => {
          const all = inlets(count);
          const router = balancing("round_robin", count);
          let total = 0;
          for (const size of sizes) {
            await send(router, numberBatch(total, size), portsTo(...all));
            total += size;
          }
          const got = all.flatMap(({ bodies }) => bodies.map(Number)).sort((x, y) => x - y);
          assert.deepEqual(
            got,
            Array.from({ length: total }, (_, i) => i),
          );
          const shares = all.map(({ bodies }) => bodies.length);
          assert.ok(Math.max(...shares) - Math.min(...shares) <= 1);
        }),
      );
    });
  });
});
