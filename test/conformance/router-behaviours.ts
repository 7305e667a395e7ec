import { strict as assert } from "node:assert";
import { batchOf, type EventBatch } from "../../lib/engine/batch.js";
import type { PortInlets, Router } from "../../lib/engine/component.js";
import type { Inlet, Route } from "../../lib/engine/contracts.js";
import { Delivery, NEVER } from "../../lib/engine/delivery.js";
import { copyHeaders, createEvent } from "../../lib/engine/event.js";
import { numberBatch } from "../support/event-batches.js";
import { TestInlet } from "../support/inlets.js";
import type { Behaviours, Bench } from "./behaviours.js";

/** One interceptor chain or channel selector with two or more ports, as many as its settings have. */
export interface RouterBench extends Bench {
  readonly router: Router;
  readonly ports: number;
}

function wired({ ports }: RouterBench) {
  const inlets = Array.from({ length: ports }, (_, port) => new TestInlet(`port ${port}`));
  const outputs: PortInlets = { length: ports, at: (port): readonly Inlet[] => inlets.slice(port, port + 1) };
  return { inlets, outputs };
}

async function routesOf(bench: RouterBench, batch: EventBatch): Promise<readonly Route[]> {
  return (await bench.router.route?.(batch, wired(bench).outputs)) ?? [];
}

const numbers = (end: number) => Array.from({ length: end }, (_, i) => i);

export const routerBehaviours = {
  "loses no event": async (bench) => {
    const { inlets, outputs } = wired(bench);
    for (let first = 0; first < 30; first += 10) {
      await new Delivery((await bench.router.route?.(numberBatch(first, 10), outputs)) ?? []).attempt(NEVER);
    }
    const arrived = new Set(inlets.flatMap(({ bodies }) => bodies));
    assert.deepEqual(
      [...arrived].map(Number).sort((a, b) => a - b),
      numbers(30),
    );
  },

  "keeps the order of events on each way": async (bench) => {
    for (const { batch } of await routesOf(bench, numberBatch(0, 50))) {
      const way = [...batch].map(({ body }) => Number(body.toString()));
      assert.deepEqual(
        way,
        [...way].sort((a, b) => a - b),
      );
    }
  },

  "sends an event no way twice": async (bench) => {
    const ways = new Map<string, number[]>();
    for (const { inlet, batch } of await routesOf(bench, numberBatch(0, 50))) {
      const way = [...batch].map(({ body }) => Number(body.toString()));
      ways.set(inlet.id, [...(ways.get(inlet.id) ?? []), ...way]);
    }
    for (const way of ways.values()) assert.equal(new Set(way).size, way.length);
  },

  "keeps nothing: what was rejected can be routed again": async (bench) => {
    const batch = numberBatch(0, 10);
    await routesOf(bench, batch);
    const again = (await routesOf(bench, batch)).flatMap((route) => [...route.batch]);
    assert.ok(new Set(again.map(({ body }) => body.toString())).size === 10);
  },

  "has nothing to say about an empty batch": async (bench) => {
    const routes = await routesOf(bench, batchOf([]));
    assert.ok(routes.every((route) => route.batch.length === 0));
  },

  "does not change the events it is given": async (bench) => {
    const body = Buffer.from("body");
    const headers = copyHeaders();
    headers["k"] = "v";
    const event = Object.freeze(createEvent(body, Object.freeze(headers)));
    await routesOf(bench, batchOf(Object.freeze([event])));
    assert.equal(event.body, body);
    assert.equal(body.toString(), "body");
    assert.deepEqual({ ...headers }, { k: "v" });
  },

  "passes empty bodies, bodies of 1 MB and headers of any name": async (bench) => {
    const headers = copyHeaders();
    headers["__proto__"] = "a";
    const large = Buffer.alloc(1024 * 1024, "x");
    const events = [createEvent(Buffer.alloc(0), headers), createEvent(large)];
    const passed = (await routesOf(bench, batchOf(events))).flatMap(({ batch }) => [...batch]);
    assert.ok(passed.some((event) => event.body.length === 0 && event.headers["__proto__"] === "a"));
    assert.ok(passed.some((event) => event.body.equals(large)));
  },
} satisfies Behaviours<RouterBench>;
