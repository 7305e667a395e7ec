import assert from "node:assert/strict";
import { createEvent } from "../../lib/engine/event.js";
import { CONSUMER_DEFAULTS, kafkaEngine, PRODUCER_DEFAULTS } from "../../lib/protocols/kafka/defaults.js";
import type { FetchedPartition } from "../../lib/protocols/kafka/kafkajs/fetch-request.js";
import { FetchedBuffer } from "../../lib/protocols/kafka/kafkajs/fetched-buffer.js";
import type { KafkaJsCluster } from "../../lib/protocols/kafka/kafkajs/library.js";
import { PartitionFetcher } from "../../lib/protocols/kafka/kafkajs/partition-fetcher.js";
import { readFrom } from "../../lib/protocols/kafka/kafkajs/partition-state.js";
import type { KafkaProducer } from "../../lib/protocols/kafka/port.js";
import { BODY_VALUE, RecordBatchWriter } from "../../lib/protocols/kafka/records/record-batch-writer.js";
import { eventually } from "../support/eventually.js";
import { FakeBrokers } from "./support/fake-brokers.js";

/** Kafka protocol guide, "Error Codes". */
const NOT_LEADER_FOR_PARTITION = 6;
const TOPIC_AUTHORIZATION_FAILED = 29;

/** One record for each partition. */
function putOf(producer: KafkaProducer, ...partitions: readonly number[]): Promise<void> {
  const put = producer.begin();
  for (const partition of partitions) {
    const event = createEvent(Buffer.from("x"));
    put.add({ topic: "t", partition, key: undefined, event, value: BODY_VALUE, timestamp: 0, headers: [] });
  }
  return put.send();
}

describe("Kafka: what a producer is told by the brokers", () => {
  let brokers: FakeBrokers;
  let producer: KafkaProducer;

  /** What it knows of leaders grows old in five minutes; a record is tried for less than one. */
  const start = async (...leaders: readonly number[]): Promise<void> => {
    brokers = new FakeBrokers(leaders);
    await brokers.start(2);
    const connection = { brokers: brokers.addresses, clientId: "x" };
    const settings = { ...PRODUCER_DEFAULTS, connection, acks: 1, idempotent: false, deliveryTimeout: 40_000 } as const;
    producer = kafkaEngine.producer(settings, () => undefined);
    await producer.connect();
    assert.equal(await producer.partitions("t"), leaders.length);
    await putOf(producer, ...leaders.keys());
    brokers.produced.length = 0;
  };
  afterEach(async () => {
    await producer.close(0);
    await brokers.stop();
  });

  it("another leads by now: it asks who, and that one gets the records, the other partitions meanwhile too", async () => {
    await start(1, 1);
    brokers.leaders = [2, 1];
    await putOf(producer, 0, 1);
    // Where the answer takes its time the old leader may be tried once more; it keeps nothing.
    const [first, second, ...others] = brokers.produced;
    assert.deepEqual([first, second, others.at(-1)], ["0 at 1", "1 at 1", "0 at 2"]);
    assert.deepEqual(new Set(others.slice(0, -1)), new Set(others.length > 1 ? ["0 at 1"] : []));
    brokers.produced.length = 0;
    await putOf(producer, 0);
    assert.deepEqual(brokers.produced, ["0 at 2"]);
  });

  it("nothing, since the leader is gone: it asks the others, and the new leader gets the records", async () => {
    await start(1);
    await brokers.kill(1);
    brokers.leaders = [2];
    await putOf(producer, 0);
    assert.deepEqual(brokers.produced, ["0 at 2"]);
  });

  it("a partition that was refused, or of which the answer says nothing, is not acknowledged", async () => {
    await start(1, 1);
    const verdicts = [
      [TOPIC_AUTHORIZATION_FAILED, "FLUME_KAFKA_NOT_ALLOWED"],
      [undefined, "FLUME_KAFKA_REFUSED"],
    ] as const;
    for (const [verdict, code] of verdicts) {
      brokers.verdict = (partition) => (partition === 1 ? verdict : 0);
      await assert.rejects(putOf(producer, 0, 1), { code, outcome: "partial" });
      await assert.rejects(putOf(producer, 1), { code });
    }
  });
});

describe("Kafka: a partition that is read, and led by another by now", () => {
  it("is read there, once the brokers were asked who that is", async () => {
    const writer = new RecordBatchWriter(0);
    writer.add(createEvent(Buffer.from("found")), BODY_VALUE, 0, undefined);
    const bytes = await writer.finish("none");
    const place = { topic: "t", partition: 0 };
    const answer = (errorCode: number, records: Buffer): FetchedPartition => {
      return { ...place, errorCode, highWatermark: 1, aborted: [], bytes: records };
    };
    const asked: number[] = [];
    const send = async (node: number): Promise<readonly FetchedPartition[]> => {
      asked.push(node);
      if (node === 1) return [answer(NOT_LEADER_FOR_PARTITION, Buffer.alloc(0))];
      return asked.filter((one) => one === 2).length === 1 ? [answer(0, bytes)] : await new Promise(() => undefined);
    };
    let leader = 1;
    const cluster = {
      findTopicPartitionMetadata: () => [{ partitionErrorCode: 0, partitionId: 0, leader }],
      findBroker: ({ nodeId }: { nodeId: number }) =>
        Promise.resolve({ versions: {}, connectionPool: { send: () => send(nodeId) } }),
      refreshMetadata: () => Promise.resolve(void (leader = 2)),
    } as unknown as KafkaJsCluster;
    const settings = { ...CONSUMER_DEFAULTS, connection: { brokers: [], clientId: "x" }, groupId: "g", topics: ["t"] };
    const buffer = new FetchedBuffer();
    const ended = new AbortController();
    const fetcher = new PartitionFetcher(cluster, settings, [readFrom({ ...place, offset: 0 })], buffer, ended.signal, {
      trouble: () => undefined,
      changed: () => undefined,
      resetOffset: () => Promise.resolve(0),
      topicGone: () => undefined,
    });
    try {
      fetcher.fetch();
      const piece = await eventually(() => buffer.next(10, Number.POSITIVE_INFINITY, true), {
        within: 20_000,
        what: "the record",
      });
      assert.equal(String(piece.records.value(0)), "found");
      assert.deepEqual(asked.slice(0, 2), [1, 2]);
    } finally {
      ended.abort();
    }
  });
});
