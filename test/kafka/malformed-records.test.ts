import assert from "node:assert/strict";
import { mock } from "node:test";
import { createEvent } from "../../lib/engine/event.js";
import { MalformedRecords } from "../../lib/protocols/kafka/malformed-records.js";
import { readRecordBatches } from "../../lib/protocols/kafka/records/read-record-batches.js";
import { BODY_VALUE, RecordBatchWriter } from "../../lib/protocols/kafka/records/record-batch-writer.js";
import { testContext } from "../support/component-context.js";

const NEVER = new AbortController().signal;

async function recordsOf(value: string) {
  const writer = new RecordBatchWriter(0);
  writer.add(createEvent(Buffer.from(value)), BODY_VALUE, 0, undefined);
  const [batch] = await readRecordBatches(await writer.finish("none"), { checkCrcs: true });
  assert.ok(batch?.records);
  return batch.records;
}

describe("Kafka: a record that waits for a person", () => {
  it("is told again after something else went wrong and is well again, and no more once it is over", async () => {
    const records = await recordsOf("plain text");
    const context = testContext();
    const malformed = new MalformedRecords("block", context);
    const stop = new AbortController();
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const sifted = malformed.sift({ topic: "t", partition: 0, records }, NEVER, stop.signal);
      const [problem] = context.reports;
      assert.ok(problem);
      context.report();
      mock.timers.tick(60_000);
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(context.reports, [problem, undefined, problem]);
      stop.abort();
      assert.deepEqual(await sifted, []);
      assert.deepEqual(context.reports, [problem, undefined, problem, undefined]);
      assert.equal(malformed.waits, false);
    } finally {
      mock.timers.reset();
    }
  });
});
