import assert from "node:assert/strict";
import { createEvent } from "../../lib/engine/event.js";
import { CONSUMER_DEFAULTS } from "../../lib/protocols/kafka/defaults.js";
import type { FetchedPartition } from "../../lib/protocols/kafka/kafkajs/fetch-request.js";
import type { GroupMembership } from "../../lib/protocols/kafka/kafkajs/group-membership.js";
import { GroupSession } from "../../lib/protocols/kafka/kafkajs/group-session.js";
import type { KafkaJsCluster } from "../../lib/protocols/kafka/kafkajs/library.js";
import type { Polled } from "../../lib/protocols/kafka/port.js";
import { BODY_VALUE, RecordBatchWriter } from "../../lib/protocols/kafka/records/record-batch-writer.js";
import { eventually } from "../support/eventually.js";

const LONG = 600_000;
const bodies = ({ pieces }: Polled): string[] =>
  pieces.flatMap(({ records }) => Array.from({ length: records.length }, (_, i) => String(records.value(i))));

/** A session of one partition whose broker has some records, and no more. */
async function sessionOf(...values: readonly string[]) {
  const writer = new RecordBatchWriter(0);
  for (const value of values) writer.add(createEvent(Buffer.from(value)), BODY_VALUE, 0, undefined);
  const bytes = await writer.finish("none");
  const answer: FetchedPartition = {
    ...{ topic: "t", partition: 0, errorCode: 0, highWatermark: values.length },
    ...{ aborted: [], bytes },
  };
  let asked = 0;
  const send = () => (asked++ === 0 ? Promise.resolve([answer]) : new Promise(() => undefined));
  const cluster = {
    findTopicPartitionMetadata: () => [{ partitionErrorCode: 0, partitionId: 0, leader: 1 }],
    findBroker: () => Promise.resolve({ versions: {}, connectionPool: { send } }),
  } as unknown as KafkaJsCluster;
  const committed: number[] = [];
  const membership = {
    heartbeat: () => Promise.resolve(),
    commit: (_: unknown, [first]: readonly { offset: number }[]) =>
      Promise.resolve(void committed.push(first?.offset ?? -1)),
  } as unknown as GroupMembership;
  const generation = { id: 1, memberId: "m", partitions: [{ topic: "t", partition: 0 }], led: [] };
  const settings = { ...CONSUMER_DEFAULTS, connection: { brokers: [], clientId: "x" }, groupId: "g", topics: ["t"] };
  const session = new GroupSession(
    cluster,
    membership,
    generation,
    settings,
    [{ topic: "t", partition: 0, offset: 0 }],
    {
      trouble: () => undefined,
      changed: () => undefined,
      resetOffset: () => Promise.resolve(0),
    },
  );
  const stop = new AbortController();
  const running = session.run(stop.signal);
  const take = (events: number) =>
    eventually(() => session.take({ events, bytes: Number.POSITIVE_INFINITY }), { what: "records" });
  const end = async (wait: number): Promise<void> => {
    stop.abort();
    await running;
    await session.settle(wait);
  };
  return { session, committed, take, end };
}

describe("Kafka: the end of a generation", () => {
  it("waits for what is out, and commits up to the first that is not done", async () => {
    const { session, committed, take, end } = await sessionOf("a", "b", "c");
    const [first, second, third] = [await take(1), await take(1), await take(1)];
    const ended = end(LONG);
    const done = third.done();
    await new Promise((resolve) => setTimeout(resolve, 50));
    second.giveBack();
    await first.done();
    await Promise.all([done, ended]);
    assert.deepEqual(committed, [1]);
    assert.equal(session.take({ events: 1, bytes: 1_000 }), undefined, "nothing is handed out any more");
  });

  it("does not wait for what was given back before", async () => {
    const { committed, take, end } = await sessionOf("a", "b");
    const first = await take(1);
    first.giveBack();
    await end(LONG);
    assert.deepEqual(committed, []);
  });

  it("what is done after it was lost is refused, however it went on", async () => {
    const { session, committed, take } = await sessionOf("a");
    const taken = await take(1);
    session.lose();
    await assert.rejects(taken.done(), { code: "FLUME_KAFKA_REVOKED" });
    assert.deepEqual(committed, []);
  });

  it("what was given back comes first, cut as it is wanted then", async () => {
    const { committed, take, end } = await sessionOf("a", "b", "c", "d");
    const [first, second] = [await take(2), await take(1)];
    second.giveBack();
    first.giveBack();
    const parts = [await take(1), await take(3)];
    assert.deepEqual(parts.map(bodies), [["a"], ["b", "c", "d"]]);
    await Promise.all(parts.map((part) => part.done()));
    await end(LONG);
    assert.equal(committed.at(-1), 4);
  });
});
