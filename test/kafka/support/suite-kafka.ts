import { type Admin, type ITopicConfig, Kafka, logLevel } from "kafkajs";
import type { SharedSettings } from "../../../lib/engine/component.js";
import type { KafkaClusterSettings } from "../../../lib/protocols/kafka/cluster-settings.js";
import { type KafkaCluster, type KafkaOptions, kafkaUnavailable, startKafka } from "../../counterparts/kafka/broker.js";
import { skip } from "../../support/skip.js";
import { testContext, type TestContext } from "../../support/component-context.js";
import { readTopic, type SeenRecord } from "./read-topic.js";

export interface SuiteKafka {
  readonly cluster: KafkaCluster;
  /** A topic of its own for each call, and its name. */
  topic(partitions?: number, config?: ITopicConfig["configEntries"]): Promise<string>;
  /** All records of a topic, as another client reads them. */
  read(topic: string): Promise<SeenRecord[]>;
  /** What the group has committed, by partition; -1 for nothing. */
  committed(group: string, topic: string): Promise<number[]>;
  readonly kafka: Kafka;
  readonly admin: Admin;
  /** For components that are run without Node-RED. */
  context(id?: string, settings?: Partial<KafkaClusterSettings>): TestContext;
}

/** For use inside describe(): one cluster for all its tests; they are skipped, with the reason, where there is no Java. */
export function useKafka(options: KafkaOptions = {}): () => SuiteKafka {
  let suite: SuiteKafka | undefined;
  before("start Kafka", async function () {
    this.timeout(15 * 60_000);
    const reason = await kafkaUnavailable();
    if (reason !== undefined) skip(this, reason);
    const cluster = await startKafka({ heap: "256m", ...options });
    const kafka = new Kafka({ brokers: cluster.plainBootstrap.split(","), logLevel: logLevel.NOTHING });
    const admin = kafka.admin({ retry: { retries: 10 } });
    await admin.connect();
    let topics = 0;
    suite = {
      cluster,
      kafka,
      admin,
      async topic(numPartitions = 1, configEntries = []) {
        const topic = `topic-${++topics}`;
        await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions, configEntries }] });
        return topic;
      },
      read: (topic) => readTopic(kafka, admin, topic),
      async committed(groupId, topic) {
        const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
        const partitions = found?.partitions ?? [];
        return partitions.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset));
      },
      context(id = "under-test", settings = {}) {
        return Object.assign(testContext(id), { shared: { cluster: clusterSettings(cluster.bootstrap, settings) } });
      },
    };
  });
  after("stop Kafka", async function () {
    this.timeout(30_000);
    await suite?.admin.disconnect();
    await suite?.cluster.stop();
  });
  return () => {
    if (!suite) throw new Error("Kafka runs only while the tests of the suite do");
    return suite;
  };
}

/** As a kafka-cluster node gives them. */
export function clusterSettings(brokers: string, more: Partial<KafkaClusterSettings> = {}): SharedSettings {
  const settings: KafkaClusterSettings = {
    ...{ brokers, clientId: "headrace-test", useTls: false, mechanism: "none", username: "", password: "" },
    ...{ token: "", tokenUrl: "", oauthClientId: "", oauthClientSecret: "", oauthScope: "" },
    ...more,
  };
  return { id: "cluster", name: "cluster", config: { ...settings }, shared: {} };
}
