import type { KafkaEngine } from "../port.js";
import { KafkaJsConsumer } from "./consumer.js";
import { KafkaJsProducer } from "./producer.js";

/** The Kafka client on kafkajs. Nothing outside this folder knows that library. */
export const kafkaJsEngine: KafkaEngine = {
  producer: (settings, trouble) => new KafkaJsProducer(settings, trouble),
  consumer: (settings, trouble) => new KafkaJsConsumer(settings, trouble),
};
