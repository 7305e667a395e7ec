import { type Admin, type ITopicConfig, Kafka, logLevel } from "kafkajs";
import type { SharedSettings } from "../../../lib/engine/component.js";
import type { KafkaClusterSettings } from "../../../lib/protocols/kafka/cluster-settings.js";
import { type KafkaCluster, type KafkaOptions, kafkaUnavailable, startKafka } from "../../counterparts/kafka/broker.js";
import { eventually } from "../../support/eventually.js";
import { skip } from "../../support/skip.js";
import { testContext, type TestContext } from "../../support/component-context.js";
import { freePort } from "../../support/ports.js";
import { KafkaProxy } from "./kafka-proxy.js";
import { readTopic, type SeenRecord } from "./read-topic.js";

export interface SuiteKafka {
  readonly cluster: KafkaCluster;
  /** host:port, as the nodes under test connect: through the proxy, where there is one. */
  readonly brokers: string;
  readonly proxy: KafkaProxy | undefined;
  /** Until each of its partitions has a leader. */
  createTopic(topic: string, partitions?: number, config?: ITopicConfig["configEntries"]): Promise<void>;
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
  stop(): Promise<void>;
}

export interface SuiteOptions extends KafkaOptions {
  /** One broker that clients reach through a KafkaProxy alone. */
  readonly proxied?: boolean;
}

/** For use inside describe(): one cluster for all its tests; they are skipped, with the reason, where there is no Java. */
export function useKafka(options: SuiteOptions = {}): () => SuiteKafka {
  let suite: SuiteKafka | undefined;
  before("start Kafka", async function () {
    this.timeout(15 * 60_000);
    const reason = await kafkaUnavailable();
    if (reason !== undefined) skip(this, reason);
    suite = await startSuiteKafka(options);
  });
  after("stop Kafka", async function () {
    this.timeout(30_000);
    await suite?.stop();
  });
  return () => {
    if (!suite) throw new Error("Kafka runs only while the tests of the suite do");
    return suite;
  };
}

export async function startSuiteKafka({ proxied = false, ...options }: SuiteOptions = {}): Promise<SuiteKafka> {
  const proxy = proxied ? await KafkaProxy.start() : undefined;
  const cluster = await startKafka({
    heap: "256m",
    ...options,
    ...(proxy ? await behind(proxy, options) : {}),
  });
  const brokers = proxy ? `127.0.0.1:${proxy.port}` : cluster.bootstrap;
  const kafka = new Kafka({ brokers: cluster.plainBootstrap.split(","), logLevel: logLevel.NOTHING });
  const admin = kafka.admin({ retry: { retries: 10 } });
  await admin.connect();
  const createTopic: SuiteKafka["createTopic"] = async (topic, numPartitions = 1, configEntries = []) => {
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, configEntries }] });
    // Of several brokers one may hear of it later than the others: the library gives up at once for that.
    await eventually(
      async () => {
        const found = await admin.fetchTopicMetadata({ topics: [topic] });
        const partitions = found.topics[0]?.partitions ?? [];
        return partitions.length === numPartitions && partitions.every(({ leader }) => leader >= 0);
      },
      { within: 60_000, what: `leaders of ${topic}` },
    );
  };
  let topics = 0;
  return {
    cluster,
    brokers,
    proxy,
    kafka,
    admin,
    createTopic,
    async topic(numPartitions, configEntries) {
      const topic = `topic-${++topics}`;
      await createTopic(topic, numPartitions, configEntries);
      return topic;
    },
    read: (topic) => readTopic(kafka, admin, topic),
    async committed(groupId, topic) {
      const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
      const partitions = found?.partitions ?? [];
      return partitions.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset));
    },
    context(id = "under-test", settings = {}) {
      return Object.assign(testContext(id), { shared: { cluster: clusterSettings(brokers, settings) } });
    },
    async stop() {
      await admin.disconnect();
      await cluster.stop();
      await proxy?.close();
    },
  };
}

/** The broker tells clients the proxy's address as its own. */
async function behind(proxy: KafkaProxy, { properties }: KafkaOptions): Promise<KafkaOptions> {
  const port = await freePort();
  proxy.target = port;
  return { port, properties: { ...properties, "advertised.listeners": `PLAINTEXT://127.0.0.1:${proxy.port}` } };
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
