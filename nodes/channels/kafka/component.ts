import type { ChannelComponent } from "../../../lib/engine/component.js";
import { boolean, choice, configNode, number, rows, text } from "../../../lib/engine/properties.js";
import { MALFORMED } from "../../../lib/protocols/kafka/malformed-records.js";
import { COMPRESSION_NAMES } from "../../../lib/protocols/kafka/records/compression.js";
import { KafkaChannel } from "./kafka-channel.js";

const pass = { property: text("", { required: true }), value: text("") };

const properties = {
  cluster: configNode("flume-kafka-cluster", { flumeKey: "kafka.bootstrap.servers", required: true }),
  topic: text("flume-channel", { flumeKey: "kafka.topic", required: true }),
  groupId: text("flume", { flumeKey: "kafka.consumer.group.id", required: true }),
  parseAsFlumeEvent: boolean(true, { flumeKey: "parseAsFlumeEvent" }),
  malformed: choice(MALFORMED, "block", {
    advanced: true,
    shownWhen: { property: "parseAsFlumeEvent", is: [true] },
  }),
  autoOffsetReset: choice(["earliest", "latest", "none"], "earliest", { flumeKey: "kafka.consumer.auto.offset.reset" }),
  acks: choice(["0", "1", "all"], "all", { flumeKey: "kafka.producer.acks" }),
  compression: choice(COMPRESSION_NAMES, "none", { flumeKey: "kafka.producer.compression.type" }),
  pollTimeout: number(500, { flumeKey: "kafka.pollTimeout", min: 1, max: 86_400_000, unit: "ms", advanced: true }),
  /** Most events and bytes that are on their way to the broker; further puts wait. */
  maxEventsInFlight: number(10_000, { min: 1, max: 10_000_000, unit: "events", advanced: true }),
  keepAlive: number(3, { max: 86_400, unit: "s", advanced: true }),
  /** -1: by key, or in turn. */
  defaultPartitionId: number(-1, { flumeKey: "defaultPartitionId", min: -1, max: 2_147_483_647, advanced: true }),
  partitionIdHeader: text("", { flumeKey: "partitionIdHeader", format: "header", advanced: true }),
  producerProperties: rows(pass, [], { flumeKey: "kafka.producer", advanced: true }),
  consumerProperties: rows(pass, [], { flumeKey: "kafka.consumer", advanced: true }),
};

export const component: ChannelComponent<typeof properties> = {
  type: "flume-kafka-channel",
  role: "channel",
  flumeType: "org.apache.flume.channel.kafka.KafkaChannel",
  properties,
  icon: "flume-kafka-channel.svg",
  outputs: 1,
  guarantee: "at-least-once",
  // What one broker has acknowledged alone is gone with it; what none has, with any connection.
  durability: {
    promises: "power-loss",
    unless: [
      { when: { acks: "1" }, promises: "process-crash" },
      { when: { acks: "0" }, promises: "none" },
    ],
  },
  labelProperty: "topic",
  create: (config, context) => new KafkaChannel(config, context),
};

export type KafkaChannelSettings = Parameters<typeof component.create>[0];
