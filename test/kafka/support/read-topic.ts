import type { Admin, Kafka } from "kafkajs";
import { eventually } from "../../support/eventually.js";

export interface SeenRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

let groups = 0;

/** Every record that a topic holds now, through the library's own consumer and none of our code. */
export async function readTopic(kafka: Kafka, admin: Admin, topic: string): Promise<SeenRecord[]> {
  const ends = await admin.fetchTopicOffsets(topic);
  const left = new Map(
    ends.filter(({ high, low }) => high !== low).map(({ partition, high }) => [partition, Number(high)]),
  );
  const seen: SeenRecord[] = [];
  if (left.size === 0) return seen;
  const consumer = kafka.consumer({
    groupId: `reader-${process.pid}-${++groups}`,
    maxWaitTimeInMs: 100,
    retry: { retries: 20 },
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { offset, timestamp, key, value, headers } of batch.messages) {
        seen.push({
          partition: batch.partition,
          offset: Number(offset),
          timestamp: Number(timestamp),
          key: key ? key.toString() : null,
          value,
          headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, one]) => [name, String(one)])),
        });
      }
      const last = Number(batch.lastOffset());
      if (last + 1 >= (left.get(batch.partition) ?? 0)) left.delete(batch.partition);
    },
  });
  await eventually(() => left.size === 0, { within: 30_000, what: `end of ${topic}` });
  await consumer.disconnect();
  return seen.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
}
