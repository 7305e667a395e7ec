import assert from "node:assert/strict";
import { DeliveryError, type ErrorCode, isDeliveryError } from "../../lib/engine/errors.js";
import { createEvent } from "../../lib/engine/event.js";
import { PartitionQueue, type PendingBatch } from "../../lib/protocols/kafka/kafkajs/partition-queue.js";
import { Put } from "../../lib/protocols/kafka/kafkajs/put.js";
import { SpareMemory } from "../../lib/protocols/kafka/kafkajs/spare-memory.js";
import { BODY_VALUE } from "../../lib/protocols/kafka/records/record-batch-writer.js";
import { staysPending } from "../support/pending.js";

const MIB = 1024 * 1024;
const LONG = 600_000;

/** A producer of three partitions that sends nothing: the test says what brokers have answered. */
class NothingSent {
  readonly #queues = [0, 1, 2].map((partition) => new PartitionQueue("t", partition, MIB, new SpareMemory()));
  underWay = 0;

  readonly begin = (...partitions: readonly number[]): Put => {
    const put = new Put(
      {
        add: (record, owner, index) => this.#queue(record.partition ?? 0).add(record, owner, index, LONG),
        pump: () => undefined,
        began: () => this.underWay++,
        ended: () => this.underWay--,
      },
      0,
    );
    for (const partition of partitions) {
      const event = createEvent(Buffer.from(`for ${partition}`));
      put.add({ topic: "t", partition, key: undefined, event, value: BODY_VALUE, timestamp: 0, headers: [] });
    }
    return put;
  };

  /** The first batch that waits for a partition. */
  readonly batch = (partition: number, at = 0): PendingBatch => {
    const batch = this.#queue(partition).waiting[at];
    assert.ok(batch);
    return batch;
  };

  #queue(partition: number): PartitionQueue {
    const queue = this.#queues[partition];
    assert.ok(queue);
    return queue;
  }
}

const failure = (code: ErrorCode, outcome: "none" | "unknown" = "none") => new DeliveryError(code, { outcome });

describe("Kafka: a put that goes to several partitions", () => {
  it("is over when the last of them is acknowledged, and not before", async () => {
    const { begin, batch } = new NothingSent();
    const sent = begin(0, 1, 2, 0).send();
    batch(2).kept();
    batch(0).kept();
    assert.ok(await staysPending(sent));
    batch(1).kept();
    await sent;
  });

  it("is not acknowledged when one of them is not, whichever is told first, and waits for all", async () => {
    for (const keptFirst of [true, false]) {
      const producer = new NothingSent();
      const sent = producer.begin(0, 1).send();
      const tell = [
        () => producer.batch(0).kept(),
        () => producer.batch(1).failed(failure("FLUME_KAFKA_REFUSED")),
      ] as const;
      tell[keptFirst ? 0 : 1]();
      assert.ok(await staysPending(sent));
      tell[keptFirst ? 1 : 0]();
      await assert.rejects(sent, { code: "FLUME_KAFKA_REFUSED", outcome: "partial" });
      assert.equal(producer.underWay, 0);
    }
  });

  it("of which nothing is kept says so; an outcome that nobody knows stays one", async () => {
    const none = new NothingSent();
    const refused = none.begin(0, 1).send();
    for (const partition of [0, 1]) none.batch(partition).failed(failure("FLUME_KAFKA_NOT_ALLOWED"));
    await assert.rejects(refused, { code: "FLUME_KAFKA_NOT_ALLOWED", outcome: "none" });
    const unclear = new NothingSent();
    const lost = unclear.begin(0, 1).send();
    unclear.batch(0).kept();
    unclear.batch(1).failed(failure("FLUME_KAFKA_UNREACHABLE", "unknown"));
    await assert.rejects(lost, { code: "FLUME_KAFKA_UNREACHABLE", outcome: "unknown" });
  });

  it("names what is refused, and, where others are kept, all that is not", async () => {
    const tooLarge = (index: number) => {
      const reason = new DeliveryError("FLUME_KAFKA_MESSAGE_TOO_LARGE");
      return new DeliveryError(reason.code, { retry: "never", refused: new Map([[index, reason]]) });
    };
    const told = async (sent: Promise<void>) => {
      const error: unknown = await sent.catch((reason: unknown) => reason);
      assert.ok(isDeliveryError(error));
      const { outcome, retry, refused = new Map(), failed } = error;
      return [outcome, retry, [...refused.keys()], failed && [...failed.keys()].toSorted((a, b) => a - b)];
    };
    const all = new NothingSent();
    const bothRefused = all.begin(0, 1).send();
    for (const partition of [1, 0]) all.batch(partition).failed(tooLarge(partition));
    assert.deepEqual(await told(bothRefused), ["none", "never", [1, 0], undefined]);
    const some = new NothingSent();
    const someKept = some.begin(0, 1, 0, 2).send();
    some.batch(1).failed(tooLarge(1));
    some.batch(0).kept();
    some.batch(2).failed(failure("FLUME_KAFKA_REFUSED"));
    assert.deepEqual(await told(someKept), ["partial", "never", [1], [1, 3]]);
    const unclear = new NothingSent();
    const lost = unclear.begin(0, 1).send();
    unclear.batch(0).failed(tooLarge(0));
    unclear.batch(1).failed(failure("FLUME_KAFKA_UNREACHABLE", "unknown"));
    assert.deepEqual(await told(lost), ["unknown", "never", [0], [0, 1]]);
  });

  it("waits for both halves of a batch that was cut, and so does everybody with records in it", async () => {
    const { begin, batch } = new NothingSent();
    const [one, other] = [begin(0, 0, 0).send(), begin(0).send()];
    batch(0).split();
    const [first, second] = [batch(0), batch(0, 1)];
    assert.deepEqual([first.writer.count, second.writer.count], [2, 2]);
    first.kept();
    assert.ok(await staysPending(Promise.race([one, other])));
    second.failed(failure("FLUME_KAFKA_REFUSED"));
    await assert.rejects(one, { outcome: "partial" });
    await assert.rejects(other, { outcome: "none" });
  });
});
