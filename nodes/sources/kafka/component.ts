import type { SourceComponent } from "../../../lib/engine/component.js";
import { pollingProperties } from "../../../lib/engine/polling.js";
import { boolean, choice, configNode, number, rows, text } from "../../../lib/engine/properties.js";
import { MALFORMED } from "../../../lib/protocols/kafka/malformed-records.js";
import { KafkaSource } from "./kafka-source.js";

const properties = {
  cluster: configNode("flume-kafka-cluster", { flumeKey: "kafka.bootstrap.servers", required: true }),
  /** Separated by commas. */
  topics: text("", { flumeKey: "kafka.topics" }),
  /** Beats `topics`. */
  topicsRegex: text("", { flumeKey: "kafka.topics.regex", format: "regex" }),
  groupId: text("flume", { flumeKey: "kafka.consumer.group.id", required: true }),
  autoOffsetReset: choice(["earliest", "latest", "none"], "latest", { flumeKey: "kafka.consumer.auto.offset.reset" }),
  batchSize: number(1000, { flumeKey: "batchSize", min: 1, max: 1_000_000, unit: "events" }),
  batchDurationMillis: number(1000, { flumeKey: "batchDurationMillis", min: 1, max: 86_400_000, unit: "ms" }),
  useFlumeEventFormat: boolean(false, { flumeKey: "useFlumeEventFormat" }),
  malformed: choice(MALFORMED, "block", {
    advanced: true,
    shownWhen: { property: "useFlumeEventFormat", is: [true] },
  }),
  setTopicHeader: boolean(true, { flumeKey: "setTopicHeader" }),
  topicHeader: text("topic", {
    flumeKey: "topicHeader",
    format: "header",
    required: true,
    shownWhen: { property: "setTopicHeader", is: [true] },
  }),
  headers: rows(
    {
      flumeHeader: text("", { required: true, format: "header" }),
      kafkaHeader: text("", { required: true, format: "header" }),
    },
    [],
    { flumeKey: "header", advanced: true },
  ),
  /** Delivered or committed at once. */
  maxInFlight: number(16, { min: 1, max: 100, advanced: true }),
  ...pollingProperties,
  consumerProperties: rows({ property: text("", { required: true }), value: text("") }, [], {
    flumeKey: "kafka.consumer",
    advanced: true,
  }),
};

export const component: SourceComponent<typeof properties> = {
  type: "flume-kafka-source",
  role: "source",
  flumeType: "org.apache.flume.source.kafka.KafkaSource",
  properties,
  needs: [{ oneOf: ["topics", "topicsRegex"], code: "FLUME_KAFKA_TOPICS_MISSING" }],
  icon: "flume-kafka-source.svg",
  outputs: 1,
  guarantee: "at-least-once",
  labelProperty: "topics",
  create: (config, context) => new KafkaSource(config, context),
  batchSize: (config) => config.batchSize,
};

export type KafkaSourceSettings = Parameters<typeof component.create>[0];
