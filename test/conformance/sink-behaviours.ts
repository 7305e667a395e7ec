import { strict as assert } from "node:assert";
import { batchOf, type EventBatch } from "../../lib/engine/batch.js";
import type { Route, Sink } from "../../lib/engine/contracts.js";
import { Delivery, NEVER } from "../../lib/engine/delivery.js";
import { isDeliveryError } from "../../lib/engine/errors.js";
import { copyHeaders, createEvent } from "../../lib/engine/event.js";
import { SinkInlet } from "../../lib/engine/sink-inlet.js";
import type { TestContext } from "../support/component-context.js";
import { numberBatch, textBatch } from "../support/event-batches.js";
import type { Behaviours, Bench } from "./behaviours.js";

/** One sink with whatever it writes to. */
export interface SinkBench extends Bench {
  /** Made by its component, not started. */
  readonly sink: Sink;
  readonly context: TestContext;
  /** Bodies that arrived at the far side, in order. Where nothing arrives anywhere: not there. */
  written?(): Promise<string[]>;
  /** Makes the far side fail, and work again. */
  breakDown?(): Promise<void>;
  repair?(): Promise<void>;
}

const numbers = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => String(first + i));

async function assertWritten(bench: SinkBench, expected: readonly string[]): Promise<void> {
  if (bench.written) assert.deepEqual(await bench.written(), expected);
}

export const sinkBehaviours = {
  "has written all events, in order, when a write resolves": async (bench) => {
    const { sink } = bench;
    await sink.start();
    await sink.write(numberBatch(0, 5), NEVER);
    await assertWritten(bench, numbers(0, 5));
    await sink.write(numberBatch(5, 3), NEVER);
    await assertWritten(bench, numbers(0, 8));
  },

  "names sizes that can be served": async ({ sink }) => {
    assert.ok(sink.batchSize >= 1);
    assert.ok(sink.maxInFlight >= 1);
  },

  "takes batches above its batch size": async (bench) => {
    const { sink } = bench;
    await sink.start();
    const length = Math.min(sink.batchSize * 3, 5000);
    await sink.write(numberBatch(0, length), NEVER);
    await assertWritten(bench, numbers(0, length));
  },

  "takes an empty batch": async (bench) => {
    await bench.sink.start();
    await bench.sink.write(batchOf([]), NEVER);
    await assertWritten(bench, []);
  },

  "takes empty bodies, bodies of 1 MB, and headers of any name": async (bench) => {
    const headers = copyHeaders();
    headers["__proto__"] = "a";
    headers["日本 语"] = "line\nfeed";
    const large = "x".repeat(1024 * 1024);
    await bench.sink.start();
    const events = ["", large, "end"].map((text) => createEvent(Buffer.from(text), headers));
    await bench.sink.write(batchOf(events), NEVER);
    await assertWritten(bench, ["", large, "end"]);
  },

  "does not change the events it writes": async ({ sink }) => {
    const headers = copyHeaders();
    headers["k"] = "v";
    const event = Object.freeze(createEvent(Buffer.from("body"), Object.freeze(headers)));
    await sink.start();
    await sink.write(batchOf(Object.freeze([event])), NEVER);
    assert.equal(event.body.toString(), "body");
    assert.deepEqual({ ...event.headers }, { k: "v" });
  },

  "keeps the order of writes that are under way together": async (bench) => {
    const inlet = new SinkInlet("sink", bench.sink, bench.context.counters);
    await bench.sink.start();
    inlet.open();
    const write = async (batch: EventBatch) => (await inlet.prepare(batch, NEVER)).commit();
    await Promise.all(numbers(0, 20).map((text) => write(textBatch(text))));
    await assertWritten(bench, numbers(0, 20));
  },

  "gets a batch whole that reaches it by two ways": async (bench) => {
    const inlet = new SinkInlet("sink", bench.sink, bench.context.counters);
    await bench.sink.start();
    inlet.open();
    const routes = ["1", "2"].map((text): Route => ({ inlet, batch: textBatch(text), optional: false }));
    await new Delivery(routes).attempt(NEVER);
    await assertWritten(bench, ["1", "2"]);
  },

  "finishes the write under way when it stops": async (bench) => {
    const { sink } = bench;
    await sink.start();
    let settled = false;
    const writing = sink.write(numberBatch(0, 10), NEVER).finally(() => (settled = true));
    await sink.stop();
    // What waits for nothing but promises has come through by then.
    await new Promise(setImmediate);
    assert.ok(settled);
    await writing;
    await assertWritten(bench, numbers(0, 10));
  },

  "refuses to write while it is stopped": async ({ sink }) => {
    const refused = (error: unknown) => isDeliveryError(error) && error.code === "FLUME_STOPPED";
    await assert.rejects(sink.write(textBatch("1"), NEVER), refused);
    await sink.start();
    await sink.stop();
    await assert.rejects(sink.write(textBatch("1"), NEVER), refused);
  },

  "works again when it is started again": async (bench) => {
    const { sink } = bench;
    for (let round = 0; round < 3; round++) {
      await sink.start();
      await sink.write(textBatch(String(round)), NEVER);
      await sink.stop();
    }
    await assertWritten(bench, numbers(0, 3));
  },

  "stops in any state": async (bench) => {
    const { sink } = bench;
    await sink.stop();
    await sink.start();
    await Promise.all([sink.stop(), sink.stop()]);
    await sink.stop();
    await sink.start();
    await sink.write(textBatch("0"), NEVER);
    await assertWritten(bench, ["0"]);
  },

  "says what may be kept when a write fails, and writes the same batch once it can": async (bench) => {
    const { sink } = bench;
    assert.ok(bench.breakDown && bench.repair);
    await sink.start();
    await sink.write(textBatch("before"), NEVER);
    await bench.breakDown();
    await assert.rejects(sink.write(numberBatch(0, 3), NEVER), (error) => {
      return isDeliveryError(error) && error.retry === "later" && error.refused === undefined;
    });
    await bench.repair();
    await sink.write(numberBatch(0, 3), NEVER);
    await assertWritten(bench, ["before", ...numbers(0, 3)]);
  },
} satisfies Behaviours<SinkBench>;
