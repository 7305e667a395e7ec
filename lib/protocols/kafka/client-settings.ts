import type { SharedSettings } from "../../engine/component.js";
import { kafkaConnection } from "./cluster-settings.js";
import { CONSUMER_DEFAULTS, PRODUCER_DEFAULTS } from "./defaults.js";
import { type Acks, consumerOverrides, type PassThrough, producerOverrides } from "./pass-through.js";
import type { ConsumerSettings, ProducerSettings } from "./port.js";

/** As a request has them: how many copies acknowledge; -1: all in sync. */
const ACKS: Readonly<Record<Acks, ProducerSettings["acks"]>> = { "0": 0, "1": 1, all: -1, "-1": -1 };

/** How a node with these fields produces; its list of Java's properties beats them. Throws FLUME_CONFIG_REQUIRED, FLUME_KAFKA_…. */
export function producerSettings(
  cluster: SharedSettings | undefined,
  {
    acks,
    compression,
    producerProperties,
  }: Pick<ProducerSettings, "compression"> & {
    readonly acks: Acks;
    readonly producerProperties: readonly PassThrough[];
  },
): ProducerSettings {
  const { clientId, verifyHostname, acks: otherAcks, ...overrides } = producerOverrides(producerProperties);
  return {
    ...PRODUCER_DEFAULTS,
    compression,
    acks: ACKS[otherAcks ?? acks],
    idempotent: true,
    ...overrides,
    connection: kafkaConnection(cluster, { clientId, verifyHostname }),
  };
}

/** How a node with these fields consumes; its list of Java's properties beats them. Throws FLUME_CONFIG_REQUIRED, FLUME_KAFKA_…. */
export function consumerSettings(
  cluster: SharedSettings | undefined,
  topics: ConsumerSettings["topics"],
  {
    groupId,
    autoOffsetReset,
    consumerProperties,
  }: Pick<ConsumerSettings, "groupId" | "autoOffsetReset"> & { readonly consumerProperties: readonly PassThrough[] },
): ConsumerSettings {
  const { clientId, verifyHostname, ...overrides } = consumerOverrides(consumerProperties);
  return {
    ...CONSUMER_DEFAULTS,
    autoOffsetReset,
    ...overrides,
    groupId,
    topics,
    connection: kafkaConnection(cluster, { clientId, verifyHostname }),
  };
}
