import assert from "node:assert/strict";
import { Kafka, logLevel } from "kafkajs";
import { kafkaUnavailable, type KafkaCluster, startKafka } from "../counterparts/kafka/broker";
import { fetchKafka } from "../counterparts/kafka/fetch";
import { eventually } from "../support/eventually";
import { skip } from "../support/skip";

describe("a real Kafka cluster", function () {
  this.timeout(90_000);

  let cluster: KafkaCluster;

  before("fetch Kafka and start three brokers", async function () {
    // The first fetch on a machine brings some 50 jars.
    this.timeout(15 * 60_000);
    const reason = await kafkaUnavailable();
    if (reason !== undefined) skip(this, reason);
    await fetchKafka();
    cluster = await startKafka({ brokers: 3, heap: "256m" });
  });

  after(async () => {
    await cluster?.stop();
  });

  it("loses a broker, keeps its topics, and takes it back", async () => {
    const brokers = cluster.bootstrap.split(",");
    assert.equal(brokers.length, 3);
    const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 10 } });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "kept", numPartitions: 3, replicationFactor: 3 }] });

    const [, second] = cluster.brokers;
    const pid = second?.pid ?? 0;
    await second?.kill();
    assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    const partitions = await eventually(
      async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: ["kept"] });
        const found = topics[0]?.partitions ?? [];
        return found.length === 3 && found.every(({ leader }) => leader === 1 || leader === 3) && found;
      },
      { within: 30_000, what: "leaders for all partitions" },
    );
    assert.deepEqual(
      partitions.map(({ partitionId }) => partitionId).toSorted((a, b) => a - b),
      [0, 1, 2],
    );

    await second?.start();
    await eventually(
      async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: ["kept"] });
        return topics[0]?.partitions.every(({ isr }) => isr.length === 3);
      },
      { within: 30_000, what: "third copy of each partition" },
    );
    await admin.disconnect();
  });
});
