import { within } from "../../../lib/engine/backoff.js";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { SinkContext } from "../../../lib/engine/component.js";
import type { Sink } from "../../../lib/engine/contracts.js";
import { DeliveryError, HeadraceError, isHeadraceError } from "../../../lib/engine/errors.js";
import type { FlumeEvent } from "../../../lib/engine/event.js";
import { compileWholePattern } from "../../../lib/engine/pattern.js";
import { localHostNames } from "../../../lib/formats/local-host-names.js";
import { producerSettings } from "../../../lib/protocols/kafka/client-settings.js";
import { kafkaEngine, PRODUCER_DEFAULTS } from "../../../lib/protocols/kafka/defaults.js";
import { FLUME_EVENT_VALUE, KEY_HEADER, keyOf, RECORD_OVERHEAD } from "../../../lib/protocols/kafka/event-parts.js";
import { type PartitionRule, partitionRule } from "../../../lib/protocols/kafka/partition-rule.js";
import { producerOverrides } from "../../../lib/protocols/kafka/pass-through.js";
import type { KafkaProducer } from "../../../lib/protocols/kafka/port.js";
import { PutOrder } from "../../../lib/protocols/kafka/put-order.js";
import {
  BODY_VALUE,
  type RecordHeader,
  type ValueForm,
} from "../../../lib/protocols/kafka/records/record-batch-writer.js";
import type { KafkaSinkSettings } from "./component.js";
import { checkTopic, type TopicOf, topicTemplate } from "./topic-template.js";

const NO_RECORD_HEADERS: readonly RecordHeader[] = [];
const NO_HOSTS = { localhost: "", IP: "", FQDN: "" };
/** How long a stop waits for acknowledgements, in milliseconds. */
const CLOSE_WAIT = 2_000;

interface Target {
  readonly topic: string;
  readonly partition: number | undefined;
}

/** Writes each event as a record, and is content when the brokers have acknowledged all of a batch. */
export class KafkaSink implements Sink {
  readonly batchSize: number;
  readonly maxInFlight: number;
  readonly #settings: KafkaSinkSettings;
  readonly #context: SinkContext;
  readonly #value: ValueForm;
  readonly #partition: PartitionRule | undefined;
  readonly #allowedTopics: RegExp;
  readonly #order = new PutOrder();
  readonly #writing = new Set<Promise<void>>();
  #topic: TopicOf = () => "";
  #producer: KafkaProducer | undefined;
  #maxRecordBytes: number = PRODUCER_DEFAULTS.maxBatchBytes;

  constructor(settings: KafkaSinkSettings, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
    this.batchSize = settings.batchSize;
    this.maxInFlight = inFlight(settings);
    this.#value = settings.useFlumeEventFormat ? FLUME_EVENT_VALUE : BODY_VALUE;
    this.#partition = partitionRule(settings.defaultPartitionId, settings.partitionIdHeader);
    this.#allowedTopics = compileWholePattern(settings.allowedTopics);
  }

  async start(): Promise<void> {
    const { topic } = this.#settings;
    // Only who wants a name waits for it: a network without a name server takes its time.
    this.#topic = topicTemplate(topic, topic.includes("%[") ? await localHostNames() : NO_HOSTS);
    const { counters, shared, report } = this.#context;
    const settings = producerSettings(shared["cluster"], this.#settings);
    this.#maxRecordBytes = settings.maxBatchBytes - RECORD_OVERHEAD;
    const producer = kafkaEngine.producer(settings, report);
    try {
      await producer.connect();
    } catch (error) {
      counters.add("ConnectionFailedCount");
      await producer.close(0);
      throw error;
    }
    counters.add("ConnectionCreatedCount");
    this.#producer = producer;
  }

  async write(batch: EventBatch): Promise<void> {
    const producer = this.#producer;
    if (!producer) throw new DeliveryError("FLUME_STOPPED");
    const writing = this.#write(batch, producer).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
    await writing;
  }

  async #write(batch: EventBatch, producer: KafkaProducer): Promise<void> {
    const { counters } = this.#context;
    const begun = performance.now();
    const place = this.#order.enter();
    try {
      const targets = await this.#targets(batch, producer);
      // Partitions of a new topic are asked for: whoever knows its own must not overtake.
      await this.#order.turn(place);
      const put = producer.begin();
      const now = Date.now();
      for (let i = 0; i < batch.length; i++) {
        const event = batch.at(i);
        const target = targets.length === 1 ? (targets[0] as Target) : (targets[i] as Target);
        put.add({
          topic: target.topic,
          partition: target.partition,
          key: keyOf(event),
          event,
          value: this.#value,
          timestamp: this.#timestamp(event, now),
          headers: this.#headers(event),
        });
      }
      const sent = put.send();
      place.pass();
      await sent;
    } catch (error) {
      counters.add("RollbackCount");
      throw error;
    } finally {
      if (!place.passed) place.pass();
    }
    counters.add("KafkaEventSendTimer", Math.round(performance.now() - begun));
  }

  async stop(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    if (!producer) return;
    const begun = Date.now();
    await within(CLOSE_WAIT, Promise.allSettled(this.#writing));
    await producer.close(Math.max(0, CLOSE_WAIT - (Date.now() - begun)));
    this.#context.counters.add("ConnectionClosedCount");
  }

  /** Where each event goes, or one target for all. Throws with the events that can go nowhere. */
  async #targets(batch: EventBatch, producer: KafkaProducer): Promise<readonly Target[]> {
    const refused = new Map<number, HeadraceError>();
    const topics: string[] = [];
    for (let i = 0; i < batch.length; i++) {
      const event = batch.at(i);
      try {
        topics.push(this.#topicOf(event));
        this.#checkSize(event, topics.at(-1) ?? "");
      } catch (error) {
        if (!isHeadraceError(error)) throw error;
        refused.set(i, error);
        topics.length = i;
        topics.push("");
      }
    }
    const partitions = new Map<string, number>();
    for (const topic of new Set(topics)) {
      if (topic !== "") partitions.set(topic, await producer.partitions(topic));
    }
    const rule = this.#partition;
    if (!rule && partitions.size === 1 && refused.size === 0) {
      return [{ topic: topics[0] as string, partition: undefined }];
    }
    const targets = topics.map((topic, i): Target => {
      const count = partitions.get(topic);
      if (count === undefined) return { topic, partition: undefined };
      try {
        return { topic, partition: rule?.(batch.at(i).headers, topic, count) };
      } catch (error) {
        if (!isHeadraceError(error)) throw error;
        refused.set(i, error);
        return { topic, partition: undefined };
      }
    });
    if (refused.size > 0) throw refusal(refused);
    return targets;
  }

  #topicOf({ headers }: FlumeEvent): string {
    const { allowTopicOverride, topicHeader } = this.#settings;
    const wanted = allowTopicOverride ? headers[topicHeader] : undefined;
    if (wanted === undefined || wanted === "") return this.#topic(headers);
    checkTopic(wanted);
    if (!this.#allowedTopics.test(wanted)) throw new HeadraceError("FLUME_KAFKA_TOPIC_INVALID", { topic: wanted });
    return wanted;
  }

  #checkSize(event: FlumeEvent, topic: string): void {
    const bytes = this.#value.size(event) + Buffer.byteLength(event.headers[KEY_HEADER] ?? "");
    if (bytes > this.#maxRecordBytes) throw new HeadraceError("FLUME_KAFKA_MESSAGE_TOO_LARGE", { bytes, topic });
  }

  #timestamp({ headers }: FlumeEvent, now: number): number {
    const { timestampHeader } = this.#settings;
    const text = timestampHeader === "" ? undefined : headers[timestampHeader];
    if (text === undefined || !/^\d{1,15}$/.test(text)) return now;
    return Number(text);
  }

  #headers({ headers }: FlumeEvent): readonly RecordHeader[] {
    const rows = this.#settings.headers;
    if (rows.length === 0) return NO_RECORD_HEADERS;
    return rows.flatMap(({ flumeHeader, kafkaHeader }): RecordHeader[] => {
      const value = headers[flumeHeader];
      return value === undefined ? [] : [[kafkaHeader, value]];
    });
  }
}

/** The list of properties beats the field, for this one as for others; what is wrong in it is told at the start. */
function inFlight({ maxInFlight, producerProperties }: KafkaSinkSettings): number {
  try {
    return producerOverrides(producerProperties).maxInFlight ?? maxInFlight;
  } catch {
    return maxInFlight;
  }
}

function refusal(refused: ReadonlyMap<number, HeadraceError>): DeliveryError {
  const [first] = refused.values();
  const { code, parameters } = first as HeadraceError;
  return new DeliveryError(code, { retry: "never", refused, parameters, cause: first });
}
