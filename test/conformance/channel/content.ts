import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { BatchEditor, batchOf } from "../../../lib/engine/batch.js";
import { copyHeaders, createEvent, type FlumeEvent } from "../../../lib/engine/event.js";
import type { Behaviours } from "../behaviours.js";
import { type ChannelBench, consumerOf, drainBatches, put, putBatch, take } from "./channel-bench.js";

const headersOf = (entries: readonly (readonly [string, string])[]) => {
  const headers = copyHeaders();
  for (const [name, value] of entries) headers[name] = value;
  return headers;
};
const entriesOf = ({ headers }: FlumeEvent) => {
  const entries: [string, string][] = [];
  for (const name in headers) entries.push([name, headers[name] ?? ""]);
  return entries;
};

async function passThrough(bench: ChannelBench, ...events: FlumeEvent[]): Promise<FlumeEvent[]> {
  const channel = await bench.open();
  await putBatch(channel, batchOf(events));
  return (await drainBatches(channel, events.length)).flatMap((batch) => [...batch]);
}

export const content = {
  "passes headers unchanged, whatever their names": async (bench) => {
    const entries = [
      ["__proto__", "a"],
      ["constructor", "b"],
      ["hasOwnProperty", "c"],
      ["", "empty name"],
      ["empty value", ""],
      ["日本 语", "grüße € 🚀"],
      ["line\nfeed", "\0\r\n\t"],
      ["long", "x".repeat(100_000)],
    ] as const;
    const [event] = await passThrough(bench, createEvent(Buffer.from("body"), headersOf(entries)));
    assert.ok(event);
    const sorted = (list: readonly (readonly [string, string])[]) => [...list].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    assert.deepEqual(sorted(entriesOf(event)), sorted(entries));
    assert.equal(({} as Record<string, unknown>)["a"], undefined);
    assert.equal("toString" in event.headers, false, "no names are inherited");
  },

  "passes empty bodies": async (bench) => {
    const events = await passThrough(bench, createEvent(Buffer.alloc(0)), createEvent(Buffer.from("b")));
    assert.deepEqual(
      events.map(({ body }) => body.length),
      [0, 1],
    );
    assert.deepEqual(entriesOf(events[0] ?? assert.fail()), []);
  },

  "passes a body of 1 MB, byte by byte": async (bench) => {
    const body = randomBytes(1024 * 1024);
    const [event] = await passThrough(bench, createEvent(body));
    assert.ok(event?.body.equals(body));
  },

  "passes any bytes": async (bench) => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const [event] = await passThrough(bench, createEvent(body));
    assert.deepEqual(event?.body, body);
  },

  "is not changed by what is done to the events it gave": async (bench) => {
    const channel = await bench.open();
    await put(channel, "1", "2");
    const consumer = consumerOf(channel);
    const first = await take(consumer);
    const editor = new BatchEditor(first.batch);
    editor.headers(0)["added"] = "x";
    editor.setBody(1, Buffer.from("changed"));
    editor.drop(0);
    editor.finish();
    await first.rollback();
    const again = [...(await take(consumer)).batch];
    assert.deepEqual(
      again.map((event) => [event.body.toString(), entriesOf(event)]),
      [
        ["1", []],
        ["2", []],
      ],
    );
  },

  "does not change the events it is given": async (bench) => {
    const body = Buffer.from("body");
    const events = [createEvent(body, Object.freeze(headersOf([["k", "v"]]))), createEvent(Buffer.from("other"))];
    for (const event of events) Object.freeze(event);
    const batch = batchOf(Object.freeze(events));
    const one = await bench.open();
    const two = await bench.open();
    await putBatch(one, batch);
    await putBatch(two, batch);
    for (const channel of [one, two]) {
      const passed = (await drainBatches(channel)).flatMap((taken) => [...taken]);
      assert.deepEqual(
        passed.map((event) => [event.body.toString(), entriesOf(event)]),
        [
          ["body", [["k", "v"]]],
          ["other", []],
        ],
      );
    }
    assert.equal(batch.at(0), events[0]);
    assert.equal(events[0]?.body, body);
    assert.equal(body.toString(), "body");
  },
} satisfies Behaviours<ChannelBench>;
