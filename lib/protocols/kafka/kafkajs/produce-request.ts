import { groupByTopic } from "./group-by-topic.js";
import type { KafkaJsBroker } from "./library.js";
import { sendWhole } from "./send-whole.js";
import { WireReader } from "./wire-reader.js";
import { WireWriter } from "./wire-writer.js";

const PRODUCE = 0;
/** Version 3 is the oldest that carries record batches and that Kafka 4 takes; 7 the first that allows zstd. */
const OLDEST = 3;
const NEWEST = 7;

export interface ProduceBatch {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Buffer;
}

export interface ProduceAnswer {
  readonly topic: string;
  readonly partition: number;
  /** 0: kept. */
  readonly errorCode: number;
}

/** Sends finished record batches to the leader of their partitions. Kafka protocol guide, "Produce API". */
export async function produce(
  broker: KafkaJsBroker,
  batches: readonly ProduceBatch[],
  acks: number,
  timeout: number,
): Promise<readonly ProduceAnswer[]> {
  const { maxVersion } = broker.versions?.[PRODUCE] ?? { maxVersion: OLDEST };
  const version = Math.max(OLDEST, Math.min(NEWEST, maxVersion));
  const api = { key: PRODUCE, version, name: "Produce" };
  const answer = await sendWhole(broker, api, encode(batches, acks, timeout), acks !== 0);
  if (!answer) return batches.map(({ topic, partition }) => ({ topic, partition, errorCode: 0 }));
  return decode(answer, version);
}

/** The batches stay where they are, between what tells of them. */
function encode(batches: readonly ProduceBatch[], acks: number, timeout: number): readonly Buffer[] {
  const topics = groupByTopic(batches);
  const pieces: Buffer[] = [];
  let writer = new WireWriter().text(null).int16(acks).int32(timeout).int32(topics.size);
  for (const [topic, parts] of topics) {
    writer.text(topic).int32(parts.length);
    for (const { partition, bytes } of parts) {
      pieces.push(writer.int32(partition).int32(bytes.length).bytes, bytes);
      writer = new WireWriter();
    }
  }
  return pieces;
}

function decode(bytes: Buffer, version: number): readonly ProduceAnswer[] {
  const reader = new WireReader(bytes);
  return reader
    .list(() => {
      const topic = reader.text();
      return reader.list(() => {
        const partition = reader.int32();
        const errorCode = reader.int16();
        // Base offset, time of the append, and from version 5 on where the log begins.
        reader.int64();
        reader.int64();
        if (version >= 5) reader.int64();
        return { topic, partition, errorCode };
      });
    })
    .flat();
}
