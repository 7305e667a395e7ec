import { kafkaJsEngine } from "./kafkajs/engine.js";
import type { ConsumerSettings, KafkaEngine, ProducerSettings } from "./port.js";

/** The client that all Kafka nodes use: docs/decisions/kafka-client.md. */
export const kafkaEngine: KafkaEngine = kafkaJsEngine;

/** Of Java's producer, in milliseconds and bytes. */
export const PRODUCER_DEFAULTS = {
  compression: "none",
  maxBatchBytes: 1_000_000,
  requestTimeout: 30_000,
  deliveryTimeout: 120_000,
  metadataMaxAge: 300_000,
} as const satisfies Partial<ProducerSettings>;

/**
 * Of Java's consumer, in milliseconds and bytes; but a fetch holds 4 MiB where Java takes 50: it is read on the
 * thread that the editor is on.
 */
export const CONSUMER_DEFAULTS = {
  autoOffsetReset: "latest",
  assignors: ["range"],
  sessionTimeout: 45_000,
  heartbeatInterval: 3_000,
  rebalanceTimeout: 300_000,
  fetchMinBytes: 1,
  fetchMaxBytes: 4 * 1024 * 1024,
  fetchMaxWait: 500,
  maxPartitionBytes: 1024 * 1024,
  readCommitted: false,
  requestTimeout: 30_000,
  metadataMaxAge: 300_000,
  rackId: "",
  checkCrcs: true,
  createTopics: true,
  internalTopics: false,
} as const satisfies Partial<ConsumerSettings>;
