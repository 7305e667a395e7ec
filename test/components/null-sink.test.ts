import { strict as assert } from "node:assert";
import { repeatedBatch } from "../../lib/engine/batch.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { createEvent } from "../../lib/engine/event.js";
import { readConfig } from "../../lib/engine/properties.js";
import { component } from "../../nodes/sinks/null/component.js";
import { testContext } from "../support/component-context.js";

async function linesOf(logEveryNEvents: number, batches: readonly number[]): Promise<string[]> {
  const context = testContext("n");
  const sink = component.create(readConfig(component.properties, { logEveryNEvents }).config, context);
  await sink.start();
  for (const length of batches) await sink.write(repeatedBatch(createEvent(Buffer.alloc(1)), length), NEVER);
  await sink.stop();
  return context.lines;
}

describe("null sink", () => {
  it("logs a line each N events", async () => {
    assert.deepEqual(await linesOf(10, [4, 4, 4, 8, 1]), [
      "Null sink n successful processed 10 events.",
      "Null sink n successful processed 20 events.",
    ]);
  });

  it("logs at most one line a batch, with the last multiple reached", async () => {
    assert.deepEqual(await linesOf(10, [35, 5]), [
      "Null sink n successful processed 30 events.",
      "Null sink n successful processed 40 events.",
    ]);
  });

  it("logs nothing with 0", async () => {
    assert.deepEqual(await linesOf(0, [1000, 1000]), []);
  });
});
