import type { ConnectionOptions } from "node:tls";
import type { FlumeEvent } from "../../engine/event.js";
import type { CompressionName } from "./records/compression.js";
import type { FetchedRecords } from "./records/fetched-records.js";
import type { RecordHeader, ValueForm } from "./records/record-batch-writer.js";

/**
 * What the nodes need of a Kafka client, and no more: one library, or another, stands behind it.
 * Errors are HeadraceErrors with FLUME_KAFKA_… codes.
 */
export interface KafkaEngine {
  producer(settings: ProducerSettings, trouble: Trouble): KafkaProducer;
  consumer(settings: ConsumerSettings, trouble: Trouble): KafkaConsumer;
}

/** Told of what does not work now and is tried again by itself; with nothing once it works. */
export type Trouble = (error?: unknown) => void;

export interface KafkaConnection {
  /** host:port */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Absent: plain text. */
  readonly tls?: ConnectionOptions | undefined;
  readonly sasl?: SaslSettings | undefined;
}

export type SaslSettings =
  | {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: "oauthbearer"; token(): Promise<string> };

/** Times in milliseconds. */
export interface ProducerSettings {
  readonly connection: KafkaConnection;
  readonly acks: 0 | 1 | -1;
  readonly compression: CompressionName;
  /** Numbers batches, so that one that is sent again after an unclear answer is kept once. Needs acks -1. */
  readonly idempotent: boolean;
  /** Most bytes of a record batch, before compression: max.request.size. */
  readonly maxBatchBytes: number;
  readonly requestTimeout: number;
  /** How long one record is tried: delivery.timeout.ms. */
  readonly deliveryTimeout: number;
  readonly metadataMaxAge: number;
}

export interface KafkaProducer {
  connect(): Promise<void>;
  /** Partitions of a topic; makes it where the broker does so. Rejects with FLUME_KAFKA_TOPIC_UNKNOWN. */
  partitions(topic: string): Promise<number>;
  /** Records that are acknowledged together. */
  begin(): KafkaPut;
  /** Waits for what is under way as far as the time allows, in milliseconds; then lets go of the connections. */
  close(within: number): Promise<void>;
}

export interface KafkaPut {
  /**
   * `partition` absent: by the key, or, without one, the same for all of a put, another for the next.
   * Only for topics whose `partitions` are known. Throws FLUME_KAFKA_MESSAGE_TOO_LARGE.
   */
  add(record: PutRecord): void;
  /** Resolves when the brokers have acknowledged every record, as `acks` says; rejects with DeliveryError. */
  send(): Promise<void>;
}

export interface PutRecord {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly key: Buffer | undefined;
  readonly event: FlumeEvent;
  readonly value: ValueForm;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
}

export interface ConsumerSettings {
  readonly connection: KafkaConnection;
  readonly groupId: string;
  readonly topics: readonly string[] | RegExp;
  /** Where to begin in a partition that the group has committed no offset of. */
  readonly autoOffsetReset: "earliest" | "latest" | "none";
  /** Java's names of assignors that the whole group knows, best first. */
  readonly assignors: readonly AssignorName[];
  readonly sessionTimeout: number;
  readonly heartbeatInterval: number;
  /** How long a rebalance waits for this member: max.poll.interval.ms. */
  readonly rebalanceTimeout: number;
  readonly fetchMinBytes: number;
  readonly fetchMaxBytes: number;
  readonly fetchMaxWait: number;
  readonly maxPartitionBytes: number;
  readonly readCommitted: boolean;
  readonly requestTimeout: number;
  readonly metadataMaxAge: number;
  readonly rackId: string;
  /** Whether the checksum of each record batch is compared. */
  readonly checkCrcs: boolean;
  /** Topics that are named and not there are made, where the brokers do so. */
  readonly createTopics: boolean;
  /** A pattern is meant for Kafka's own topics, too. */
  readonly internalTopics: boolean;
}

export const ASSIGNOR_NAMES = ["range", "roundrobin"] as const;
export type AssignorName = (typeof ASSIGNOR_NAMES)[number];

/** A member of a consumer group. It joins, follows rebalances and reconnects by itself. */
export interface KafkaConsumer {
  /** Resolves once a broker answers and accepts the credentials; joining goes on by itself. */
  connect(): Promise<void>;
  /**
   * The next records, at most `max`, waiting up to `within` milliseconds for the first of them. Undefined when there
   * are none, or the signal aborted. Never of a partition that was lost meanwhile. With `before`, only what may be
   * delivered together with it: undefined as soon as its partitions are about to be given away.
   */
  poll(
    max: { events: number; bytes: number },
    within: number,
    signal: AbortSignal,
    before?: Polled,
  ): Promise<Polled | undefined>;
  /** How many partitions the group has given to it now. */
  readonly partitions: number;
  /** Records behind what was polled, as far as the brokers told; of the partitions of now. */
  readonly lag: number;
  /** Waits for polled records to be done as far as the time allows, commits, and leaves the group. */
  close(within: number): Promise<void>;
}

/** Records that were polled together. Exactly one of `done` and `giveBack` is called, once. */
export interface Polled {
  readonly pieces: readonly PolledPiece[];
  readonly events: number;
  /** Aborted when a partition of them goes to another member of the group. */
  readonly lost: AbortSignal;
  /**
   * They are taken care of. Resolves when the group's offsets say so, up to the first record of each partition
   * that is not done yet. Rejects with FLUME_KAFKA_REVOKED when others read them again.
   */
  done(): Promise<void>;
  /** They are polled again, before what follows them. */
  giveBack(): void;
}

export interface PolledPiece {
  readonly topic: string;
  readonly partition: number;
  readonly records: FetchedRecords;
}
