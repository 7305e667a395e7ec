import { groupByTopic } from "./group-by-topic.js";
import { kafkaJs, type KafkaJsBroker, type ProtocolRequest } from "./library.js";
import type { AbortedTransaction } from "../records/read-record-batches.js";
import { WireReader } from "./wire-reader.js";
import { WireWriter } from "./wire-writer.js";

const FETCH = 1;
/** Version 4 is the oldest that Kafka 4 takes; 11 is the newest in the old encoding. */
const OLDEST = 4;
const NEWEST = 11;
const CONSUMER = -1;
const UNKNOWN = -1;

export interface FetchWish {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export interface FetchLimits {
  /** Milliseconds that the broker waits for `minBytes`. */
  readonly maxWait: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxPartitionBytes: number;
  readonly isolationLevel: number;
  readonly rackId: string;
  /** Milliseconds for the answer, `maxWait` not counted: a slow line may need long for `maxBytes`. */
  readonly requestTimeout: number;
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches; the last one may be cut off. */
  readonly bytes: Buffer;
}

/** Asks the leader for records, or waits for some. Kafka protocol guide, "Fetch API"; without fetch sessions. */
export async function fetchRecords(
  broker: KafkaJsBroker,
  wishes: readonly FetchWish[],
  limits: FetchLimits,
): Promise<readonly FetchedPartition[]> {
  const { maxVersion } = broker.versions?.[FETCH] ?? { maxVersion: OLDEST };
  const version = Math.max(OLDEST, Math.min(NEWEST, maxVersion));
  const request: ProtocolRequest<readonly FetchedPartition[]> = {
    request: {
      apiKey: FETCH,
      apiVersion: version,
      apiName: "Fetch",
      encode: () => Promise.resolve(kafkaJs().encoded(encode(wishes, limits, version))),
    },
    response: {
      decode: (bytes) => Promise.resolve(decode(bytes, version)),
      parse: (partitions) => Promise.resolve(partitions),
    },
    requestTimeout: limits.maxWait + limits.requestTimeout,
  };
  return await broker.connectionPool.send(request);
}

function encode(wishes: readonly FetchWish[], limits: FetchLimits, version: number): Buffer {
  const topics = groupByTopic(wishes);
  const writer = new WireWriter()
    .int32(CONSUMER)
    .int32(limits.maxWait)
    .int32(limits.minBytes)
    .int32(limits.maxBytes)
    .int8(limits.isolationLevel);
  // No session: id 0, epoch -1.
  if (version >= 7) writer.int32(0).int32(-1);
  writer.int32(topics.size);
  for (const [topic, partitions] of topics) {
    writer.text(topic).int32(partitions.length);
    for (const { partition, offset } of partitions) {
      writer.int32(partition);
      if (version >= 9) writer.int32(UNKNOWN);
      writer.int64(offset);
      if (version >= 5) writer.int64(UNKNOWN);
      writer.int32(limits.maxPartitionBytes);
    }
  }
  if (version >= 7) writer.int32(0);
  if (version >= 11) writer.text(limits.rackId);
  return writer.bytes;
}

function decode(bytes: Buffer, version: number): readonly FetchedPartition[] {
  const reader = new WireReader(bytes);
  reader.int32();
  if (version >= 7) {
    const errorCode = reader.int16();
    if (errorCode !== 0) throw kafkaJs().errorOfCode(errorCode);
    reader.int32();
  }
  return reader
    .list(() => {
      const topic = reader.text();
      return reader.list((): FetchedPartition => {
        const partition = reader.int32();
        const errorCode = reader.int16();
        const highWatermark = reader.int64();
        // The last stable offset, and from version 5 on where the log begins.
        reader.int64();
        if (version >= 5) reader.int64();
        const aborted = reader.list(() => ({ producerId: reader.bigInt64(), firstOffset: reader.int64() }));
        // The replica that is best to read from: the leader is good enough.
        if (version >= 11) reader.int32();
        return { topic, partition, errorCode, highWatermark, aborted, bytes: reader.block() };
      });
    })
    .flat();
}
