import assert from "node:assert/strict";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { readConfig } from "../../lib/engine/properties.js";
import { assign } from "../../lib/protocols/kafka/kafkajs/assignors.js";
import { DeliveredOffsets } from "../../lib/protocols/kafka/kafkajs/delivered-offsets.js";
import { CONSUMER_DEFAULTS } from "../../lib/protocols/kafka/defaults.js";
import { GroupMembership } from "../../lib/protocols/kafka/kafkajs/group-membership.js";
import type { KafkaJsCluster } from "../../lib/protocols/kafka/kafkajs/library.js";
import { partitionRule } from "../../lib/protocols/kafka/partition-rule.js";
import { consumerOverrides, producerOverrides } from "../../lib/protocols/kafka/pass-through.js";
import { component as cluster } from "../../nodes/config/kafka-cluster/component.js";
import { topicTemplate } from "../../nodes/sinks/kafka/topic-template.js";

const refused = (code: string) => (error: unknown) => isHeadraceError(error) && error.code === code;
const row = (property: string, value: string) => [{ property, value }];

describe("Kafka: pass-through properties", () => {
  it("are translated where there is an equal", () => {
    assert.deepEqual(producerOverrides(row("max.request.size", "2000")), { maxBatchBytes: 2000 });
    assert.deepEqual(producerOverrides(row("kafka.producer.compression.type", "LZ4")), { compression: "lz4" });
    assert.deepEqual(producerOverrides(row("linger.ms", "5")), {});
    assert.deepEqual(consumerOverrides(row("isolation.level", "read_committed")), { readCommitted: true });
    const java = "org.apache.kafka.clients.consumer.RoundRobinAssignor";
    assert.deepEqual(consumerOverrides(row("partition.assignment.strategy", java)), { assignors: ["roundrobin"] });
    assert.deepEqual(consumerOverrides(row("enable.auto.commit", "false")), {});
    // A third of a short session, where nothing else is said.
    assert.deepEqual(consumerOverrides(row("session.timeout.ms", "6000")), {
      sessionTimeout: 6_000,
      heartbeatInterval: 2_000,
    });
  });

  it("of Java's clients, all but a few that change nothing here are translated or refused by name", () => {
    // ProducerConfig.configNames() and ConsumerConfig.configNames() of kafka-clients 2.7.2, which Flume 1.11 brings.
    const common =
      "bootstrap.servers client.dns.lookup client.id connections.max.idle.ms interceptor.classes metadata.max.age.ms metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms receive.buffer.bytes reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retry.backoff.ms sasl.client.callback.handler.class sasl.jaas.config sasl.kerberos.service.name sasl.login.class sasl.mechanism security.protocol security.providers send.buffer.bytes socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms ssl.cipher.suites ssl.enabled.protocols ssl.endpoint.identification.algorithm ssl.key.password ssl.keystore.location ssl.keystore.password ssl.keystore.type ssl.protocol ssl.truststore.location ssl.truststore.password ssl.truststore.type";
    const producer =
      "acks batch.size buffer.memory compression.type delivery.timeout.ms enable.idempotence internal.auto.downgrade.txn.commit key.serializer linger.ms max.block.ms max.in.flight.requests.per.connection max.request.size metadata.max.idle.ms partitioner.class retries transaction.timeout.ms transactional.id value.serializer";
    const consumer =
      "allow.auto.create.topics auto.commit.interval.ms auto.offset.reset check.crcs client.rack default.api.timeout.ms enable.auto.commit exclude.internal.topics fetch.max.bytes fetch.max.wait.ms fetch.min.bytes group.id group.instance.id heartbeat.interval.ms internal.leave.group.on.close internal.throw.on.fetch.stable.offset.unsupported isolation.level key.deserializer max.partition.fetch.bytes max.poll.interval.ms max.poll.records partition.assignment.strategy session.timeout.ms value.deserializer";
    // What each accepts, where not any number does.
    const values: Record<string, string> = {
      acks: "all",
      "compression.type": "gzip",
      "enable.idempotence": "true",
      "key.serializer": "x.StringSerializer",
      "value.serializer": "x.ByteArraySerializer",
      "auto.offset.reset": "none",
      "allow.auto.create.topics": "true",
      "enable.auto.commit": "false",
      "check.crcs": "false",
      "exclude.internal.topics": "false",
      "isolation.level": "read_committed",
      "key.deserializer": "x.StringDeserializer",
      "value.deserializer": "x.ByteArrayDeserializer",
      "partition.assignment.strategy": "x.RangeAssignor",
      "ssl.endpoint.identification.algorithm": "",
    };
    const socket = ["connections.max.idle.ms", "receive.buffer.bytes", "send.buffer.bytes"];
    const backoff = ["reconnect.backoff.max.ms", "reconnect.backoff.ms", "retry.backoff.ms"];
    const silent = {
      producer:
        "batch.size buffer.memory key.serializer linger.ms max.block.ms metadata.max.idle.ms retries value.serializer",
      consumer:
        "auto.commit.interval.ms default.api.timeout.ms enable.auto.commit key.deserializer max.poll.records value.deserializer",
    };
    for (const [side, overrides, names] of [
      ["producer", producerOverrides, producer],
      ["consumer", consumerOverrides, consumer],
    ] as const) {
      const withoutEffect: string[] = [];
      for (const name of `${common} ${names}`.split(" ")) {
        try {
          const found = overrides(row(name, values[name] ?? "1000"));
          if (Object.keys(found).length === 0) withoutEffect.push(name);
        } catch (error) {
          assert.ok(refused("FLUME_KAFKA_PROPERTY_UNSUPPORTED")(error), `${name}: ${String(error)}`);
          assert.ok(String(error).includes(`kafka.${side}.${name}`), String(error));
        }
      }
      assert.deepEqual(withoutEffect.toSorted(), [...silent[side].split(" "), ...socket, ...backoff].toSorted());
    }
    assert.deepEqual(producerOverrides(row("ssl.endpoint.identification.algorithm", "")), { verifyHostname: false });
    assert.deepEqual(consumerOverrides(row("ssl.endpoint.identification.algorithm", "HTTPS")), {
      verifyHostname: true,
    });
  });

  it("are refused by name where there is none", () => {
    for (const name of ["transactional.id", "interceptor.classes", "sasl.jaas.config", "no.such.thing"]) {
      assert.throws(
        () => producerOverrides(row(name, "x")),
        (error) => {
          assert.ok(refused("FLUME_KAFKA_PROPERTY_UNSUPPORTED")(error));
          return String(error).includes(`kafka.producer.${name}`);
        },
      );
    }
    const wrong = refused("FLUME_KAFKA_PROPERTY_VALUE");
    assert.throws(() => consumerOverrides(row("enable.auto.commit", "true")), wrong);
    assert.throws(() => consumerOverrides(row("fetch.max.bytes", "many")), wrong);
    assert.throws(() => consumerOverrides(row("heartbeat.interval.ms", "45000")), wrong);
    assert.throws(() => consumerOverrides(row("partition.assignment.strategy", "StickyAssignor")), wrong);
    assert.throws(() => producerOverrides(row("value.serializer", "my.Own")), wrong);
  });
});

describe("Kafka: addresses of brokers", () => {
  const problems = (brokers: string) => readConfig(cluster.properties, { brokers }).problems;

  it("are host:port, separated by commas", () => {
    for (const good of ["a:1", " kafka-1.example.org:9092 ,10.0.0.1:65535,", "[::1]:9092,[fe80::1]:9092"]) {
      assert.deepEqual(problems(good), [], good);
    }
  });

  it("that cannot be are refused with the one that is wrong", () => {
    for (const [text, wrong] of [
      ["kafka", "kafka"],
      ["a:1,b", "b"],
      ["a:0", "a:0"],
      ["a:65536", "a:65536"],
      ["a:1;b:2", "a:1;b:2"],
      ["http://a:1", "http://a:1"],
      ["::1:9092", "::1:9092"],
      ["a:1 b:2", "a:1 b:2"],
      [",", ","],
    ] as const) {
      const [error, ...more] = problems(text);
      assert.equal(more.length, 0);
      assert.equal(error?.code, "FLUME_CONFIG_ADDRESSES", text);
      assert.deepEqual(error.parameters, { field: "kafka.bootstrap.servers", value: wrong });
    }
  });
});

describe("Kafka: who reads what", () => {
  const members = ["b", "a", "c"].map((memberId) => ({ memberId, topics: ["t", "u"] }));
  const partitions = new Map([
    ["t", 4],
    ["u", 1],
  ]);

  it("range, as Java's RangeAssignor", () => {
    assert.deepEqual(Object.fromEntries(assign("range", members, partitions)), {
      a: { t: [0, 1], u: [0] },
      b: { t: [2] },
      c: { t: [3] },
    });
  });

  it("in turn, as Java's RoundRobinAssignor", () => {
    assert.deepEqual(Object.fromEntries(assign("roundrobin", members, partitions)), {
      a: { t: [0, 3] },
      b: { t: [1], u: [0] },
      c: { t: [2] },
    });
  });

  it("only topics that a member has asked for", () => {
    const uneven = [
      { memberId: "a", topics: ["t"] },
      { memberId: "b", topics: ["u"] },
    ];
    for (const name of ["range", "roundrobin"] as const) {
      assert.deepEqual(Object.fromEntries(assign(name, uneven, partitions)), { a: { t: [0, 1, 2, 3] }, b: { u: [0] } });
    }
  });
});

describe("Kafka: offsets", () => {
  it("are due up to the first run that is not done", () => {
    const offsets = new DeliveredOffsets(10);
    const [first, second, third] = [offsets.hand(10, 20), offsets.hand(20, 30), offsets.hand(30, 40)];
    offsets.done(second);
    assert.equal(offsets.due, undefined);
    offsets.done(first);
    assert.equal(offsets.due, 30);
    offsets.committed(30);
    assert.equal(offsets.due, undefined);
    const [one, other] = offsets.split(third, 33);
    offsets.done(other);
    assert.equal(offsets.due, undefined);
    offsets.done(one);
    assert.equal(offsets.due, 40);
    offsets.committed(40);
    // The log has lost its end: what is read now counts from there.
    offsets.done(offsets.hand(40, 12));
    assert.equal(offsets.due, 12);
    offsets.committed(12);
    assert.equal(offsets.due, undefined);
  });
});

describe("Kafka: commits", () => {
  it("count for the generation that they are of, however long they wait for the coordinator", async () => {
    const sent: unknown[] = [];
    const coordinator = { offsetCommit: (request: unknown) => Promise.resolve(void sent.push(request)) };
    let found = (): void => undefined;
    const looking = new Promise<void>((resolve) => (found = resolve));
    const cluster = { findGroupCoordinator: () => looking.then(() => coordinator) } as unknown as KafkaJsCluster;
    const connection = { brokers: [], clientId: "x" };
    const membership = new GroupMembership(cluster, { ...CONSUMER_DEFAULTS, connection, groupId: "g", topics: ["t"] });
    const commit = (id: number, offset: number) =>
      membership.commit({ id, memberId: `member-${id}`, partitions: [], led: [] }, [
        { topic: "t", partition: 0, offset },
      ]);
    // The second one is of the generation that follows: the first must not go out as part of it.
    const late = commit(1, 10);
    const own = commit(2, 20);
    found();
    await Promise.all([late, own]);
    const topics = (offset: string) => [{ topic: "t", partitions: [{ partition: 0, offset }] }];
    assert.deepEqual(sent, [
      { groupId: "g", groupGenerationId: 1, memberId: "member-1", topics: topics("10") },
      { groupId: "g", groupGenerationId: 2, memberId: "member-2", topics: topics("20") },
    ]);
  });
});

describe("Kafka: partitions and topics", () => {
  it("the header beats the fixed partition, and what is no partition is refused", () => {
    assert.equal(partitionRule(-1, ""), undefined);
    const rule = partitionRule(1, "p");
    assert.equal(rule?.({}, "t", 3), 1);
    assert.equal(rule?.({ p: "2" }, "t", 3), 2);
    for (const p of ["3", "-1", "x", "", "1.5"]) {
      assert.throws(() => rule?.({ p }, "t", 3), refused("FLUME_KAFKA_PARTITION_INVALID"));
    }
    assert.equal(partitionRule(-1, "p")?.({}, "t", 3), undefined);
  });

  it("names with headers and times", () => {
    const hosts = { localhost: "here", IP: "10.0.0.1", FQDN: "here.example.org" };
    const topicOf = (template: string, headers: Record<string, string> = {}) => topicTemplate(template, hosts)(headers);
    const timestamp = String(new Date(2024, 0, 5, 7, 8, 9).getTime());
    assert.equal(topicOf("logs"), "logs");
    assert.equal(topicOf("logs-%{app}-%Y%m%d-%H", { app: "web", timestamp }), "logs-web-20240105-07");
    assert.equal(topicOf("d%j-%b.%[localhost]", { timestamp }), "d005-Jan.here");
    assert.equal(topicOf("t-%t", { timestamp }), `t-${timestamp}`);
    for (const wrong of ["a b", "100%%", "%{app}"]) {
      assert.throws(() => topicOf(wrong, { app: "../x" }), refused("FLUME_KAFKA_TOPIC_INVALID"), wrong);
    }
    assert.throws(() => topicOf("%[nobody]"), refused("FLUME_ESCAPE_UNKNOWN"));
    for (const time of [{}, { timestamp: "noon" }] as Record<string, string>[]) {
      assert.throws(() => topicOf("l-%Y", time), refused("FLUME_KAFKA_TOPIC_TIME"));
    }
  });
});
