import { NEVER } from "../../lib/engine/delivery.js";
import { kafkaUnavailable } from "../counterparts/kafka/broker.js";
import { kafkaChannel, kafkaSink, kafkaSource } from "../kafka/support/subjects.js";
import { startSuiteKafka, type SuiteKafka } from "../kafka/support/suite-kafka.js";
import { numberBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import type { ChannelFactory } from "./channel/channel-bench.js";
import type { SinkBench } from "./sink-behaviours.js";
import type { SourceBench } from "./source-behaviours.js";

export { kafkaUnavailable };

/** A stop waits for the answer to the last fetch. */
const SHORT_FETCHES = [{ property: "fetch.max.wait.ms", value: "50" }];

let shared: Promise<SuiteKafka> | undefined;

/** One broker for the sources, channels and sinks of Kafka. */
function sharedKafka(): Promise<SuiteKafka> {
  shared ??= startSuiteKafka({ proxied: true });
  return shared;
}

export async function stopSharedKafka(this: Mocha.Context): Promise<void> {
  this.timeout(30_000);
  await (await shared)?.stop();
  shared = undefined;
}

export async function kafkaSourceBench(): Promise<SourceBench> {
  const suite = await sharedKafka();
  const topic = await suite.topic();
  const context = suite.context();
  const quick = { backoffSleepIncrement: 1, maxBackoffSleep: 2, batchDurationMillis: 20 };
  const writer = kafkaSink(suite.context("writer"), { topic });
  await writer.start();
  let fed = 0;
  return {
    source: kafkaSource(context, {
      topics: topic,
      groupId: topic,
      batchSize: 2,
      ...quick,
      consumerProperties: SHORT_FETCHES,
    }),
    context,
    async feed(events) {
      await writer.write(numberBatch(fed, events), NEVER);
      fed += events;
    },
    end: () => writer.stop(),
  };
}

/** Its broker is out of reach while it is broken down: what is sent then never arrives. */
export async function kafkaSinkBench(): Promise<SinkBench> {
  const suite = await sharedKafka();
  const topic = await suite.topic(1, [{ name: "max.message.bytes", value: "4000000" }]);
  const context = suite.context();
  const producerProperties = [
    { property: "max.request.size", value: "4000000" },
    // Short, for the broker that is broken down; a whole one answers in time on a busy machine, too.
    { property: "delivery.timeout.ms", value: "5000" },
  ];
  const sink = kafkaSink(context, { topic, producerProperties });
  return {
    sink,
    context,
    written: async () => (await suite.read(topic)).map(({ value }) => value?.toString() ?? ""),
    breakDown: async () => suite.proxy?.refuse(true),
    repair: async () => suite.proxy?.refuse(false),
    async end() {
      suite.proxy?.refuse(false);
      await sink.stop();
    },
  };
}

/** Each channel has a topic and a group of its own. */
export async function kafkaChannelFactory(): Promise<ChannelFactory> {
  const suite = await sharedKafka();
  return {
    patience: 1000,
    async create({ capacity, transactionCapacity, keepAlive }) {
      const topic = await suite.topic(1, [{ name: "max.message.bytes", value: "4000000" }]);
      const made = kafkaChannel(suite.context(topic), {
        ...{ topic, groupId: topic, keepAlive, maxEventsInFlight: Math.min(capacity, transactionCapacity) },
        producerProperties: [{ property: "max.request.size", value: "4000000" }],
        consumerProperties: SHORT_FETCHES,
      });
      const start = made.start.bind(made);
      // What was put is only there for a member of the group.
      made.start = async () => {
        await start();
        await eventually(
          async () => {
            const { groups } = await suite.admin.describeGroups([topic]);
            return groups[0]?.state === "Stable";
          },
          { what: "a member of the group" },
        );
      };
      return made;
    },
    dispose: async () => undefined,
  };
}
