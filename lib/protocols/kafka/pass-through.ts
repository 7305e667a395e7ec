import { HeadraceError } from "../../engine/errors.js";
import { propertyValue } from "./cluster-settings.js";
import { CONSUMER_DEFAULTS } from "./defaults.js";
import { ASSIGNOR_NAMES, type AssignorName, type ConsumerSettings, type ProducerSettings } from "./port.js";
import { COMPRESSION_NAMES, type CompressionName } from "./records/compression.js";

/** A row of `kafka.producer.*` or `kafka.consumer.*`: Java's name, without that beginning, and its value. */
export interface PassThrough {
  readonly property: string;
  readonly value: string;
}

/** Whose word counts as kept, as Flume's users and Java's write it. */
export type Acks = "0" | "1" | "all" | "-1";

export interface ProducerOverrides
  extends Partial<
    Pick<ProducerSettings, "maxBatchBytes" | "requestTimeout" | "deliveryTimeout" | "metadataMaxAge" | "idempotent">
  > {
  readonly compression?: CompressionName;
  readonly acks?: Acks;
  readonly clientId?: string;
  readonly maxInFlight?: number;
  readonly verifyHostname?: boolean;
}

export interface ConsumerOverrides extends Partial<Omit<ConsumerSettings, "connection" | "topics" | "groupId">> {
  readonly clientId?: string;
  readonly verifyHostname?: boolean;
}

type Reader<T> = (value: string, property: string) => T;
type Readers<T> = Readonly<Record<string, Reader<Partial<T>>>>;

const IN_CLUSTER = "Set it in the kafka-cluster node.";

/** What has no equal, with what to do instead. Everything that is in no list is refused as well. */
const REFUSED: Readonly<Record<string, string>> = {
  "bootstrap.servers": IN_CLUSTER,
  "security.protocol": IN_CLUSTER,
  "group.id": "The group is a field of the node.",
  "group.protocol": "Members follow the classic protocol, which Java's clients speak, too.",
  "transactional.id": "Numbered batches (acks all) keep repeated sends out; a reader may still see some twice.",
  "interceptor.classes": "Java classes cannot be loaded: use an interceptors node.",
  "group.instance.id": "Members of a group are not static here.",
  "metric.reporters": "Counters are at /headrace/metrics.",
  "partitioner.class": "Records with a key go where Java's clients put them.",
};

/** Settings that change nothing here, and why that is so. They are taken without a word. */
const WITHOUT_EFFECT = {
  producer: [
    // Each transaction is flushed, in Flume too: nothing ever lingers.
    "linger.ms",
    "batch.size",
    // Records wait in the channel, not in the client.
    "buffer.memory",
    "max.block.ms",
    "retries",
    "retry.backoff.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "send.buffer.bytes",
    "receive.buffer.bytes",
    "connections.max.idle.ms",
    "metadata.max.idle.ms",
  ],
  consumer: [
    "max.poll.records",
    "default.api.timeout.ms",
    "retry.backoff.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "send.buffer.bytes",
    "receive.buffer.bytes",
    "connections.max.idle.ms",
    "auto.commit.interval.ms",
  ],
} as const;

/** Flume's own switch, and Java's: nothing in the place of an algorithm. */
const HOSTNAME_CHECK: Readers<{ readonly verifyHostname?: boolean }> = {
  "ssl.disableTLSHostnameVerification": (value, property) => ({ verifyHostname: !truth(value, property) }),
  "ssl.endpoint.identification.algorithm": (value, property) => ({
    verifyHostname: oneOf(value, ["https", ""], property) === "https",
  }),
};

const PRODUCER: Readers<ProducerOverrides> = {
  acks: (value, property) => ({ acks: oneOf(value, ["all", "-1", "0", "1"], property) }),
  "compression.type": (value, property) => ({ compression: oneOf(value, COMPRESSION_NAMES, property) }),
  "enable.idempotence": (value, property) => ({ idempotent: truth(value, property) }),
  "max.request.size": (value, property) => ({ maxBatchBytes: whole(value, property, 1_000) }),
  "max.in.flight.requests.per.connection": (value, property) => ({ maxInFlight: whole(value, property, 1) }),
  "request.timeout.ms": (value, property) => ({ requestTimeout: whole(value, property, 100) }),
  "delivery.timeout.ms": (value, property) => ({ deliveryTimeout: whole(value, property, 100) }),
  "metadata.max.age.ms": (value, property) => ({ metadataMaxAge: whole(value, property, 100) }),
  "client.id": (value) => ({ clientId: value }),
  "key.serializer": serializer("StringSerializer"),
  "value.serializer": serializer("ByteArraySerializer"),
  ...HOSTNAME_CHECK,
};

const CONSUMER: Readers<ConsumerOverrides> = {
  "auto.offset.reset": (value, property) => ({
    autoOffsetReset: oneOf(value, ["earliest", "latest", "none"] as const, property),
  }),
  "fetch.min.bytes": (value, property) => ({ fetchMinBytes: whole(value, property, 1) }),
  "fetch.max.bytes": (value, property) => ({ fetchMaxBytes: whole(value, property, 1) }),
  "fetch.max.wait.ms": (value, property) => ({ fetchMaxWait: whole(value, property, 0) }),
  "max.partition.fetch.bytes": (value, property) => ({ maxPartitionBytes: whole(value, property, 1) }),
  "session.timeout.ms": (value, property) => ({ sessionTimeout: whole(value, property, 100) }),
  "heartbeat.interval.ms": (value, property) => ({ heartbeatInterval: whole(value, property, 50) }),
  "max.poll.interval.ms": (value, property) => ({ rebalanceTimeout: whole(value, property, 100) }),
  "request.timeout.ms": (value, property) => ({ requestTimeout: whole(value, property, 100) }),
  "metadata.max.age.ms": (value, property) => ({ metadataMaxAge: whole(value, property, 100) }),
  "isolation.level": (value, property) => ({
    readCommitted: oneOf(value, ["read_committed", "read_uncommitted"] as const, property) === "read_committed",
  }),
  "partition.assignment.strategy": (value, property) => ({ assignors: assignors(value, property) }),
  "client.id": (value) => ({ clientId: value }),
  "client.rack": (value) => ({ rackId: value }),
  "check.crcs": (value, property) => ({ checkCrcs: truth(value, property) }),
  "allow.auto.create.topics": (value, property) => ({ createTopics: truth(value, property) }),
  "exclude.internal.topics": (value, property) => ({ internalTopics: !truth(value, property) }),
  "enable.auto.commit": (value, property) => {
    // Offsets are committed after delivery; Flume overrides it too.
    if (truth(value, property)) throw propertyValue(property, value, "false");
    return {};
  },
  "key.deserializer": serializer("StringDeserializer"),
  "value.deserializer": serializer("ByteArrayDeserializer"),
  ...HOSTNAME_CHECK,
};

/** Throws FLUME_KAFKA_PROPERTY_UNSUPPORTED and …_VALUE. */
export function producerOverrides(rows: readonly PassThrough[]): ProducerOverrides {
  return translate(rows, "kafka.producer.", PRODUCER, WITHOUT_EFFECT.producer);
}

/** Throws FLUME_KAFKA_PROPERTY_UNSUPPORTED and …_VALUE. */
export function consumerOverrides(rows: readonly PassThrough[]): ConsumerOverrides {
  const found = translate(rows, "kafka.consumer.", CONSUMER, WITHOUT_EFFECT.consumer);
  const { sessionTimeout = CONSUMER_DEFAULTS.sessionTimeout, heartbeatInterval } = found;
  if (heartbeatInterval === undefined) {
    // Java refuses a session that is shorter than the heartbeat of its own default.
    const most = Math.floor(sessionTimeout / 3);
    return most < CONSUMER_DEFAULTS.heartbeatInterval ? { ...found, heartbeatInterval: most } : found;
  }
  if (heartbeatInterval >= sessionTimeout) {
    const wanted = `less than session.timeout.ms (${sessionTimeout})`;
    throw propertyValue("kafka.consumer.heartbeat.interval.ms", String(heartbeatInterval), wanted);
  }
  return found;
}

function translate<T>(
  rows: readonly PassThrough[],
  prefix: string,
  readers: Readers<T>,
  withoutEffect: readonly string[],
): Partial<T> {
  let found: Partial<T> = {};
  for (const row of rows) {
    const name = row.property.trim().replace(prefix, "");
    if (name === "" || withoutEffect.includes(name)) continue;
    const read = readers[name];
    if (!read) {
      const instead = REFUSED[name] ?? (/^(ssl|sasl)\./.test(name) ? IN_CLUSTER : "");
      throw new HeadraceError("FLUME_KAFKA_PROPERTY_UNSUPPORTED", { property: prefix + name, instead });
    }
    found = { ...found, ...read(row.value.trim(), prefix + name) };
  }
  return found;
}

function oneOf<const O extends string>(value: string, options: readonly O[], property: string): O {
  const option = options.find((candidate) => candidate === value.toLowerCase());
  if (option === undefined) throw propertyValue(property, value, options.join(", "));
  return option;
}

function whole(value: string, property: string, least: number): number {
  const number = Number(value);
  const most = 2_147_483_647;
  if (value === "" || !Number.isInteger(number) || number < least || number > most) {
    throw propertyValue(property, value, `a whole number from ${least} to ${most}`);
  }
  return number;
}

function truth(value: string, property: string): boolean {
  return oneOf(value, ["true", "false"], property) === "true";
}

function serializer(name: string): Reader<Record<string, never>> {
  return (value, property) => {
    if (!value.endsWith(`.${name}`)) throw propertyValue(property, value, name);
    return {};
  };
}

function assignors(value: string, property: string): readonly AssignorName[] {
  return value.split(",").map((part) => {
    const name = part.trim().split(".").at(-1) ?? "";
    const found = ASSIGNOR_NAMES.find((candidate) => candidate === name.toLowerCase().replace(/assignor$/, ""));
    if (!found) throw propertyValue(property, part.trim(), "RangeAssignor or RoundRobinAssignor");
    return found;
  });
}
