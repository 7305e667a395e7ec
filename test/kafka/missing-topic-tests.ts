import assert from "node:assert/strict";
import { NEVER } from "../../lib/engine/delivery.js";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { CONSUMER_DEFAULTS } from "../../lib/protocols/kafka/defaults.js";
import { GroupMembership } from "../../lib/protocols/kafka/kafkajs/group-membership.js";
import { openCluster } from "../../lib/protocols/kafka/kafkajs/open-cluster.js";
import type { TestContext } from "../support/component-context.js";
import { numberBatch, textBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { TestOutlet } from "../support/outlets.js";
import { reported } from "./support/reported.js";
import { kafkaSink, kafkaSource } from "./support/subjects.js";
import type { SuiteKafka } from "./support/suite-kafka.js";

const QUICK = [
  { property: "heartbeat.interval.ms", value: "300" },
  { property: "metadata.max.age.ms", value: "500" },
];

/** The broker makes no topics by itself. */
export function missingTopicTests(suite: () => SuiteKafka): void {
  const write = async (topic: string, ...bodies: string[]): Promise<void> => {
    const sink = kafkaSink(suite().context(), { topic });
    await sink.start();
    await sink.write(textBatch(...bodies), NEVER);
    await sink.stop();
  };
  const exists = async (topic: string): Promise<boolean> => (await suite().admin.listTopics()).includes(topic);
  const remove = async (topic: string): Promise<void> => {
    await suite().admin.deleteTopics({ topics: [topic] });
    await eventually(async () => !(await exists(topic)), { what: `end of ${topic}` });
  };
  const arrived = (out: TestOutlet, body: string) =>
    eventually(() => out.bodies.includes(body), { within: 30_000, what: `event ${body}` });
  const told = (context: TestContext, topic: string) => {
    const latest = context.reports.at(-1);
    return (
      isHeadraceError(latest) && latest.code === "FLUME_KAFKA_TOPIC_UNKNOWN" && latest.parameters["topic"] === topic
    );
  };

  it("of several topics one is missing: it is named, the others are read, and it is joined once it is there", async () => {
    const topic = await suite().topic();
    const context = suite().context();
    const settings = { topics: `${topic}, comes-later`, groupId: "some-missing", consumerProperties: QUICK };
    const source = kafkaSource(context, settings);
    const out = new TestOutlet();
    await write(topic, "first");
    await source.start(out);
    await arrived(out, "first");
    await eventually(() => told(context, "comes-later"), { within: 20_000, what: "the name of the missing topic" });
    // What goes well meanwhile does not turn it green.
    await write(topic, "second");
    await arrived(out, "second");
    await eventually(() => told(context, "comes-later"), { within: 20_000, what: "the missing topic, still" });
    await suite().createTopic("comes-later");
    await write("comes-later", "third");
    await arrived(out, "third");
    await eventually(() => context.reports.at(-1) === undefined, { within: 20_000, what: "the end of the trouble" });
    await remove("comes-later");
    await eventually(() => told(context, "comes-later"), { within: 20_000, what: "the topic that is gone" });
    await write(topic, "fourth");
    await arrived(out, "fourth");
    await source.stop();
    assert.ok(!(await exists("comes-later")));
  });

  it("a topic that a pattern matched is deleted: the others go on, without a word", async () => {
    for (const topic of ["deleted-a", "deleted-b"]) {
      await suite().createTopic(topic);
      await write(topic, topic);
    }
    const context = suite().context();
    const source = kafkaSource(context, { topicsRegex: "deleted-.*", groupId: "deleted", consumerProperties: QUICK });
    const out = new TestOutlet();
    await source.start(out);
    await eventually(() => out.events === 2, { within: 20_000, what: "both events" });
    await remove("deleted-b");
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await write("deleted-a", "more");
    await arrived(out, "more");
    await source.stop();
    assert.ok(!(await exists("deleted-b")));
    assert.equal(reported(context, "FLUME_KAFKA_TOPIC_UNKNOWN"), undefined);
  });

  it("another member of the group asks for a topic that is not there: this one, which leads, goes on", async () => {
    const topic = await suite().topic();
    const source = kafkaSource(suite().context(), { topics: topic, groupId: "led", consumerProperties: QUICK });
    const out = new TestOutlet();
    await source.start(out);
    await write(topic, "before");
    await arrived(out, "before");
    const { brokers } = suite();
    const connection = { brokers: [brokers], clientId: "other" };
    const settings = { ...CONSUMER_DEFAULTS, connection, groupId: "led", topics: ["not-there"] };
    const cluster = openCluster(connection, { requestTimeout: 10_000, metadataMaxAge: 10_000, createTopics: false });
    await cluster.connect();
    const other = new GroupMembership(cluster, settings);
    try {
      assert.deepEqual((await other.join(["not-there"])).partitions, []);
      await write(topic, "after");
      await arrived(out, "after");
    } finally {
      await other.leave();
      await cluster.disconnect();
      await source.stop();
    }
  });

  it("a topic is deleted and made anew with fewer partitions: a sink that runs goes on", async () => {
    const topic = await suite().topic(3);
    const sink = kafkaSink(suite().context(), { topic });
    await sink.start();
    for (let i = 0; i < 3; i++) await sink.write(numberBatch(i, 1), NEVER);
    await remove(topic);
    await suite().createTopic(topic);
    // What asks for a partition of before is told so at once, and not tried for two minutes.
    for (let i = 10; i < 16; i++) {
      await eventually(
        async () => {
          await sink.write(numberBatch(i, 1), NEVER);
          return true;
        },
        { within: 30_000, what: `event ${i}` },
      );
    }
    await sink.stop();
    // One whose answer was lost with the old topic may be there twice.
    const bodies = new Set((await suite().read(topic)).map(({ value }) => Number(value)));
    assert.deepEqual([...bodies], [10, 11, 12, 13, 14, 15]);
  });

  it("a group's offset beyond the end of the log: reading begins anew, and so do the commits", async () => {
    const topic = await suite().topic();
    const groupId = "beyond";
    await suite().admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: "1000" }] });
    const sink = kafkaSink(suite().context(), { topic });
    await sink.start();
    await sink.write(numberBatch(0, 5), NEVER);
    await sink.stop();
    const source = kafkaSource(suite().context(), { topics: topic, groupId, consumerProperties: QUICK });
    const out = new TestOutlet();
    await source.start(out);
    await eventually(() => out.events === 5, { within: 20_000, what: "the events" });
    await eventually(async () => (await suite().committed(groupId, topic))[0] === 5, { what: "their offset" });
    await source.stop();
  });
}
