import type { SinkComponent } from "../../../lib/engine/component.js";
import { boolean, choice, configNode, number, rows, text } from "../../../lib/engine/properties.js";
import { COMPRESSION_NAMES } from "../../../lib/protocols/kafka/records/compression.js";
import { KafkaSink } from "./kafka-sink.js";

const properties = {
  cluster: configNode("flume-kafka-cluster", { flumeKey: "kafka.bootstrap.servers", required: true }),
  /** May hold `%{header}` and times of the header `timestamp`. */
  topic: text("default-flume-topic", { flumeKey: "kafka.topic", required: true }),
  batchSize: number(100, { flumeKey: "flumeBatchSize", min: 1, max: 1_000_000, unit: "events" }),
  acks: choice(["0", "1", "all"], "1", { flumeKey: "kafka.producer.acks" }),
  compression: choice(COMPRESSION_NAMES, "none", { flumeKey: "kafka.producer.compression.type" }),
  useFlumeEventFormat: boolean(false, { flumeKey: "useFlumeEventFormat" }),
  allowTopicOverride: boolean(true, { flumeKey: "allowTopicOverride" }),
  topicHeader: text("topic", {
    flumeKey: "topicHeader",
    format: "header",
    shownWhen: { property: "allowTopicOverride", is: [true] },
  }),
  /** The whole name of a topic that a header may choose must match. */
  allowedTopics: text(".*", {
    required: true,
    format: "regex",
    advanced: true,
    shownWhen: { property: "allowTopicOverride", is: [true] },
  }),
  /** -1: by key, or in turn. */
  defaultPartitionId: number(-1, { flumeKey: "defaultPartitionId", min: -1, max: 2_147_483_647, advanced: true }),
  partitionIdHeader: text("", { flumeKey: "partitionIdHeader", format: "header", advanced: true }),
  timestampHeader: text("", { flumeKey: "timestampHeader", format: "header", advanced: true }),
  headers: rows(
    {
      flumeHeader: text("", { required: true, format: "header" }),
      kafkaHeader: text("", { required: true, format: "header" }),
    },
    [],
    { flumeKey: "header", advanced: true },
  ),
  maxInFlight: number(5, {
    flumeKey: "kafka.producer.max.in.flight.requests.per.connection",
    min: 1,
    max: 100,
    advanced: true,
  }),
  producerProperties: rows({ property: text("", { required: true }), value: text("") }, [], {
    flumeKey: "kafka.producer",
    advanced: true,
  }),
};

export const component: SinkComponent<typeof properties> = {
  type: "flume-kafka-sink",
  role: "sink",
  flumeType: "org.apache.flume.sink.kafka.KafkaSink",
  properties,
  icon: "flume-kafka-sink.svg",
  outputs: 0,
  canRefuse: true,
  guarantee: "at-least-once",
  labelProperty: "topic",
  create: (config, context) => new KafkaSink(config, context),
};

export type KafkaSinkSettings = Parameters<typeof component.create>[0];
