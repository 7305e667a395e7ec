import assert from "node:assert/strict";
import { hostname } from "node:os";
import { Counters } from "../../lib/engine/counters.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { batchTooLarge, channelFull } from "../../lib/engine/errors.js";
import { readConfig } from "../../lib/engine/properties.js";
import { Troubles } from "../../lib/protocols/loghub/consumer/troubles.js";
import { component } from "../../nodes/sources/loghub/component.js";
import { consumerSettings, eventForm } from "../../nodes/sources/loghub/consumer-settings.js";
import { EventDelivery } from "../../nodes/sources/loghub/event-delivery.js";
import { numberBatch } from "../support/event-batches.js";
import { fastClock } from "../support/fast-clock.js";
import { Gate } from "../support/gate.js";
import { TestOutlet } from "../support/outlets.js";

const NODE = { id: "n", storage: "/headrace/n" };

describe("LogHub source: settings", () => {
  const read = (raw: Readonly<Record<string, unknown>>) =>
    readConfig(component.properties, { project: "p", logstore: "l", ...raw }).config;

  it("name a consumer that is the same tomorrow and no other's, with a timeout of three heartbeats", () => {
    const node = { id: "a1b2.c3:d", storage: "/srv/one/.node-red/headrace/a1b2.c3_d" };
    const { consumer, group } = consumerSettings(read({}), node);
    assert.ok(consumer.startsWith(`${hostname()}-a1b2.c3-d-`.replace(/[^\w.-]/g, "-")), consumer);
    assert.match(consumer, /^[\w.-]+$/);
    assert.equal(consumerSettings(read({}), { ...node }).consumer, consumer);
    // The same flow in a second Node-RED on this host.
    const second = { ...node, storage: "/srv/two/.node-red/headrace/a1b2.c3_d" };
    assert.notEqual(consumerSettings(read({}), second).consumer, consumer);
    assert.deepEqual(group, { name: "consumer_1", timeout: 90, inOrder: false });
    assert.equal(consumerSettings(read({ heartbeatInterval: 5_000 }), NODE).group.timeout, 60);
    assert.equal(consumerSettings(read({ heartbeatInterval: 5_000, groupTimeout: 15 }), NODE).group.timeout, 15);
    assert.equal(consumerSettings(read({ consumer: "mine" }), NODE).consumer, "mine");
    assert.throws(() => consumerSettings(read({ heartbeatInterval: 5_000, groupTimeout: 14 }), NODE), {
      code: "FLUME_LOGHUB_GROUP_TIMEOUT",
    });
  });

  it("begin where the user says", () => {
    const position = (raw: Readonly<Record<string, unknown>>) => consumerSettings(read(raw), NODE).position;
    assert.equal(position({}), "end");
    assert.equal(position({ consumerPosition: "BEGIN" }), "begin");
    assert.equal(position({ consumerPosition: "special", startTime: "1600000000" }), 1_600_000_000);
    assert.throws(() => position({ consumerPosition: "special" }), { code: "FLUME_LOGHUB_START_TIME" });
  });

  it("take one filter at most", () => {
    const filter = (raw: Readonly<Record<string, unknown>>) => consumerSettings(read(raw), NODE).filter;
    assert.equal(filter({}), undefined);
    assert.deepEqual(filter({ query: "* | where a = 'b'" }), { query: "* | where a = 'b'" });
    assert.deepEqual(filter({ processor: "p" }), { processor: "p" });
    assert.throws(() => filter({ processor: "p", query: "q" }), { code: "FLUME_LOGHUB_FILTERS" });
  });

  it("write control characters as Java's properties do", () => {
    const { body } = eventForm(
      read({
        body: "DELIMITED",
        columns: "a, b",
        separatorChar: "\\t",
        quoteChar: "",
        escapeChar: "\\",
        lineEnd: "\\n",
      }),
    );
    assert.deepEqual(body, {
      kind: "delimited",
      columns: ["a", "b"],
      separatorChar: "\t",
      quoteChar: "",
      escapeChar: "\\",
      lineEnd: "\n",
      applyQuotesToAll: false,
      appendTimestamp: false,
      localTimeFieldName: "",
    });
  });

  it("of the open plugin name properties and values that there are", () => {
    const { properties } = component;
    const names = new Set<string>(Object.keys(properties));
    for (const { keys, values = {}, defaults = {} } of component.flumeAliases ?? []) {
      for (const name of Object.values(keys)) assert.ok(names.has(name), name);
      const translated = Object.entries(values).flatMap(([name, map]) =>
        Object.values(map).map((value) => [name, value] as const),
      );
      for (const [name, value] of [...translated, ...Object.entries(defaults)]) {
        const { problems } = readConfig(properties, { project: "p", logstore: "l", columns: "c", [name]: value });
        assert.deepEqual(problems, [], name);
      }
    }
  });
});

describe("LogHub source: delivery", () => {
  /** The shard is still ours. */
  const ours = () => undefined;

  function delivery(batchSize = 10) {
    const out = new TestOutlet();
    const reports: unknown[] = [];
    const counters = new Counters();
    const settings = { batchSize, backoffSleepIncrement: 100, maxBackoffSleep: 200 };
    const troubles = new Troubles((error) => reports.push(error));
    return { out, reports, counters, one: new EventDelivery(settings, out, counters, fastClock, troubles) };
  }

  it("is in order, in batches as large as may be, and again after a rejection", async () => {
    const { one, out, reports, counters } = delivery();
    out.rejections.push(undefined, channelFull(1, 1), new TypeError("a fault in the flow"));
    assert.equal(await one.deliver(numberBatch(0, 25), "here", NEVER, ours), true);
    assert.deepEqual(
      out.bodies,
      Array.from({ length: 25 }, (_, i) => String(i)),
    );
    assert.deepEqual(
      out.accepted.map(({ length }) => length),
      [10, 10, 5],
    );
    assert.equal(counters.get("ChannelWriteFail"), 2);
    assert.deepEqual([reports.length, reports.at(-1)], [3, undefined]);
  });

  it("keeps the limits of now, and halves what is too large", async () => {
    const { one, out, reports } = delivery();
    out.limits = { events: 4, bytes: 1_000 };
    out.rejections.push(batchTooLarge(4, 2_000, out.limits));
    assert.equal(await one.deliver(numberBatch(0, 8), "here", NEVER, ours), true);
    assert.deepEqual(
      out.accepted.map(({ length }) => length),
      [2, 2, 2, 2],
    );
    assert.deepEqual(reports, []);
  });

  it("tells of one event that is too large, and waits for a person", async () => {
    const { one, out, reports } = delivery();
    const stop = new AbortController();
    out.rejections.push(...Array.from({ length: 3 }, () => batchTooLarge(1, 2_000, out.limits)));
    assert.equal(await one.deliver(numberBatch(0, 1), "here", stop.signal, ours), true);
    assert.deepEqual([reports.length, reports.at(-1)], [4, undefined]);
  });

  it("is taken back when its shard is: false, and what was in trouble is over", async () => {
    const { one, out, reports } = delivery();
    const stop = new AbortController();
    out.rejections.push(undefined, channelFull(1, 1));
    const delivered = one.deliver(numberBatch(0, 20), "here", stop.signal, ours);
    const gate = new Gate();
    out.gate = gate.opened;
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    gate.open();
    assert.equal(await delivered, false);
    assert.equal(out.events, 10);
    assert.equal(reports.at(-1), undefined);
  });

  it("ends in the middle of a batch when the shard is found to be another's before the next part", async () => {
    const { one, out } = delivery();
    const stop = new AbortController();
    let parts = 0;
    const confirm = () => {
      if (++parts === 2) stop.abort();
    };
    assert.equal(await one.deliver(numberBatch(0, 30), "here", stop.signal, confirm), false);
    assert.equal(out.events, 10);
    assert.equal(out.tried.length, 1, "the second part is not even tried");
  });
});
