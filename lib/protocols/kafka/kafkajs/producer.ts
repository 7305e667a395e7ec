import { sleep, within } from "../../../engine/backoff.js";
import { DeliveryError, HeadraceError } from "../../../engine/errors.js";
import type { KafkaProducer, KafkaPut, ProducerSettings, PutRecord, Trouble } from "../port.js";
import { checkCompression } from "../records/compression.js";
import { partitionOfKey } from "../records/murmur2.js";
import { restamp } from "../records/record-batch-writer.js";
import { SteadyTrouble } from "../steady-trouble.js";
import { type KafkaJsBroker, type KafkaJsCluster, type KafkaJsError, kafkaJs } from "./library.js";
import { connectInTime, knownPartitions, leaderOf, openCluster, SilentBroker } from "./open-cluster.js";
import { type BatchOwner, PartitionQueue, type PendingBatch } from "./partition-queue.js";
import { produce } from "./produce-request.js";
import { Put, type PutTaker } from "./put.js";
import { SpareMemory } from "./spare-memory.js";
import { asKafkaJsError, isPassing, isUnclear, produceError, translateError } from "./translate-error.js";

/** Waits between attempts, in milliseconds. */
const FIRST_RETRY = 100;
const LONGEST_RETRY = 1_000;
/** Batches of several partitions in one request, up to so many bytes. */
const REQUEST_BYTES = 4 * 1024 * 1024;
/** Looks for a topic that is being made: so often, with so many milliseconds between. */
const TOPIC_LOOKS = 5;
const TOPIC_LOOK_EVERY = 200;

/** Answers that mean: this broker does not know how the numbering goes on. */
const NUMBERING = new Set([
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "UNKNOWN_PRODUCER_ID",
  "INVALID_PRODUCER_EPOCH",
  "INVALID_PRODUCER_ID_MAPPING",
  "PRODUCER_FENCED",
]);

interface ProducerId {
  readonly id: bigint;
  readonly epoch: number;
}

/**
 * Gathers records by partition and sends them with one request under way per broker: what arrives meanwhile goes
 * with the next one. So many small puts cost few requests, and a retry changes no order.
 */
export class KafkaJsProducer implements KafkaProducer, PutTaker {
  readonly #settings: ProducerSettings;
  readonly #trouble: SteadyTrouble;
  #cluster: KafkaJsCluster;
  readonly #topics = new Map<string, PartitionQueue[]>();
  readonly #spare = new SpareMemory();
  /** Brokers with a request under way. */
  readonly #busy = new Set<number>();
  readonly #closed = new AbortController();
  #producerId: ProducerId | undefined;
  /** Numbering was refused to this user: it is done without. */
  #unnumbered: boolean;
  #turn = 0;
  #underWay = 0;
  #opened = 0;
  #idle: (() => void) | undefined;
  #refreshing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: ProducerSettings, trouble: Trouble) {
    this.#settings = settings;
    this.#trouble = new SteadyTrouble(trouble);
    this.#unnumbered = !settings.idempotent || settings.acks !== -1;
    this.#cluster = this.#open();
  }

  async connect(): Promise<void> {
    checkCompression(this.#settings.compression);
    const { connection } = this.#settings;
    for (let left = connection.brokers.length; ; left--) {
      try {
        return await connectInTime(this.#cluster);
      } catch (error) {
        void this.#cluster.disconnect().catch(() => undefined);
        this.#cluster = this.#open();
        if (!(error instanceof SilentBroker) || left <= 1) throw translateError(error, connection, "");
      }
    }
  }

  async partitions(topic: string): Promise<number> {
    const known = this.#topics.get(topic);
    if (known) return known.length;
    for (let look = 1; ; look++) {
      try {
        await this.#cluster.addMultipleTargetTopics([topic]);
        const { length } = knownPartitions(this.#cluster, topic);
        if (length > 0) {
          this.#resize(topic);
          return length;
        }
      } catch (error) {
        const translated = translateError(error, this.#settings.connection, topic);
        if (look >= TOPIC_LOOKS || !isPassing(error)) throw new DeliveryError(translated.code, translated);
        if (!this.#cluster.isConnected()) await this.#refresh();
      }
      if (look >= TOPIC_LOOKS) {
        throw new DeliveryError("FLUME_KAFKA_TOPIC_UNKNOWN", { parameters: { topic, reason: "no partitions" } });
      }
      await sleep(TOPIC_LOOK_EVERY * look, this.#closed.signal);
    }
  }

  begin(): KafkaPut {
    return new Put(this, this.#turn++);
  }

  add(record: PutRecord, owner: BatchOwner, index: number, turn: number): PendingBatch {
    const queues = this.#topics.get(record.topic);
    if (!queues) throw new Error(`the partitions of ${record.topic} were not asked for`);
    const { key } = record;
    const partition = record.partition ?? (key ? partitionOfKey(key, queues.length) : turn % queues.length);
    const queue = queues[partition];
    if (!queue) throw partitionGone(partition, record.topic, false);
    return queue.add(record, owner, index, this.#settings.deliveryTimeout);
  }

  pump(): void {
    const now = Date.now();
    let soonest = Number.POSITIVE_INFINITY;
    const byLeader = new Map<number, PendingBatch[]>();
    for (const [topic, queues] of this.#topics) {
      for (const queue of queues) {
        const [first] = queue.waiting;
        if (!first || queue.sending) continue;
        if (queue.retryAt > now) {
          soonest = Math.min(soonest, queue.retryAt);
          continue;
        }
        const leader = leaderOf(this.#cluster, topic, queue.partition);
        if (leader === undefined || leader < 0) {
          void this.#failed([first], leaderUnknown());
          continue;
        }
        if (this.#busy.has(leader)) continue;
        const batches = byLeader.get(leader);
        if (batches) batches.push(first);
        else byLeader.set(leader, [first]);
      }
    }
    for (const [leader, batches] of byLeader) void this.#send(leader, fitting(batches));
    if (Number.isFinite(soonest)) this.#pumpAt(soonest - now);
  }

  async close(wait: number): Promise<void> {
    if (this.#underWay > 0) await within(wait, new Promise<void>((resolve) => (this.#idle = resolve)));
    this.#closed.abort();
    clearTimeout(this.#timer);
    this.#trouble.close();
    for (const queues of this.#topics.values()) {
      for (const queue of queues) {
        for (const batch of queue.waiting.splice(0)) {
          batch.failed(
            new DeliveryError("FLUME_STOPPED", { outcome: batch.unclear || queue.sending ? "unknown" : "none" }),
          );
        }
      }
    }
    // It waits for answers that may never come.
    await within(
      1_000,
      this.#cluster.disconnect().catch(() => undefined),
    );
  }

  began(): void {
    this.#underWay++;
  }

  ended(): void {
    if (--this.#underWay === 0) this.#idle?.();
  }

  #open(): KafkaJsCluster {
    const { connection, requestTimeout, metadataMaxAge } = this.#settings;
    return openCluster(connection, { requestTimeout, metadataMaxAge, createTopics: true }, this.#opened++);
  }

  /** As many queues as the topic has partitions: more than before, or fewer where it was made anew. */
  #resize(topic: string): void {
    const queues = this.#topics.get(topic) ?? [];
    const { length } = knownPartitions(this.#cluster, topic);
    if (length > 0) {
      for (const { partition, waiting, sending } of queues.splice(length)) {
        for (const batch of waiting.splice(0)) batch.failed(partitionGone(partition, topic, batch.unclear || sending));
      }
    }
    while (queues.length < length) {
      queues.push(new PartitionQueue(topic, queues.length, this.#settings.maxBatchBytes, this.#spare));
    }
    this.#topics.set(topic, queues);
  }

  async #send(leader: number, batches: readonly PendingBatch[]): Promise<void> {
    this.#busy.add(leader);
    for (const { queue } of batches) queue.sending = true;
    let sent = false;
    let broker: KafkaJsBroker | undefined;
    try {
      if (expired(this.#cluster)) await this.#refresh();
      broker = await this.#cluster.findBroker({ nodeId: leader });
      await this.#finish(batches);
      sent = true;
      const { acks, requestTimeout } = this.#settings;
      const parts = batches.map(({ queue: { topic, partition }, bytes }) => ({
        topic,
        partition,
        bytes: bytes as Buffer,
      }));
      const answers = await produce(broker, parts, acks, requestTimeout);
      this.#settle(batches, answers);
    } catch (error) {
      const { name, host, port } = asKafkaJsError(error);
      if (name === "KafkaJSConnectionClosedError" && host !== undefined && port !== undefined) {
        await broker?.disconnect().catch(() => undefined);
        this.#cluster.removeBroker({ host, port });
      }
      await this.#failed(batches, error, sent && isUnclear(error));
    } finally {
      for (const { queue } of batches) queue.sending = false;
      this.#busy.delete(leader);
      this.pump();
    }
  }

  async #finish(batches: readonly PendingBatch[]): Promise<void> {
    const producer = this.#unnumbered ? undefined : await this.#identify();
    for (const batch of batches) {
      const { queue } = batch;
      if (!producer) {
        batch.bytes ??= await batch.writer.finish(this.#settings.compression);
        continue;
      }
      if (queue.sequenceOf !== producer.id) {
        queue.sequenceOf = producer.id;
        queue.sequence = 0;
      }
      if (batch.producerId === producer.id) continue;
      const stamp = { id: producer.id, epoch: producer.epoch, sequence: queue.sequence };
      if (batch.bytes) {
        // An earlier attempt may still be on its way out of the old memory.
        batch.bytes = Buffer.from(batch.bytes);
        restamp(batch.bytes, stamp);
      } else batch.bytes = await batch.writer.finish(this.#settings.compression, stamp);
      batch.producerId = producer.id;
    }
  }

  /** The number that this producer goes by; brokers give one to everybody who may write. */
  async #identify(): Promise<ProducerId | undefined> {
    if (this.#producerId) return this.#producerId;
    try {
      const broker = await this.#cluster.findControllerBroker();
      const { producerId, producerEpoch } = await broker.initProducerId({ transactionTimeout: 60_000 });
      this.#producerId = { id: BigInt(producerId), epoch: producerEpoch };
    } catch (error) {
      // Brokers before 2.8 ask for a right of its own.
      if (asKafkaJsError(error).type !== "CLUSTER_AUTHORIZATION_FAILED") throw error;
      this.#unnumbered = true;
    }
    return this.#producerId;
  }

  #settle(batches: readonly PendingBatch[], answers: Awaited<ReturnType<typeof produce>>): void {
    const refused = new Map<number, PendingBatch[]>();
    for (const batch of batches) {
      const { queue } = batch;
      const answer = answers.find(({ topic, partition }) => topic === queue.topic && partition === queue.partition);
      const errorCode = answer?.errorCode ?? UNKNOWN_ERROR;
      // The broker has this batch from an attempt whose answer was lost.
      if (errorCode === 0 || errorCode === DUPLICATE_SEQUENCE_NUMBER) this.#kept(batch);
      else refused.set(errorCode, [...(refused.get(errorCode) ?? []), batch]);
    }
    for (const [code, some] of refused) {
      const error = kafkaJs().errorOfCode(code);
      void this.#failed(some, error, isUnclear(error));
    }
    if (refused.size === 0) this.#trouble.ends();
  }

  #kept(batch: PendingBatch): void {
    const { queue } = batch;
    remove(batch);
    // Without an answer to the only attempt, the system may still be reading from it.
    if (!batch.unclear && this.#settings.acks !== 0) this.#spare.keep(batch.writer.memory);
    queue.failures = 0;
    if (batch.producerId !== undefined && queue.sequenceOf === batch.producerId) {
      queue.sequence = nextSequence(queue.sequence, batch.writer.count);
    }
    batch.kept();
  }

  /** Tries again later what may succeed then; tells the owners of the rest. */
  async #failed(batches: readonly PendingBatch[], error: unknown, unclear = false): Promise<void> {
    const now = Date.now();
    const { type } = asKafkaJsError(error);
    const numbering = type !== undefined && NUMBERING.has(type);
    // All numbers begin anew with another id, so a broker that has lost track takes them.
    if (numbering) this.#producerId = undefined;
    const passing = (numbering || isPassing(error)) && !this.#closed.signal.aborted;
    for (const batch of batches) {
      const { queue } = batch;
      batch.unclear ||= unclear;
      if (isTooLarge(error) && batch.writer.count > 1) {
        // The topic takes less at once than we thought.
        queue.limit = Math.max(SMALLEST_LIMIT, Math.ceil(batch.writer.size / 2));
        batch.split();
        continue;
      }
      if (passing && now < batch.deadline) {
        queue.retryAt = now + Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** queue.failures++);
        continue;
      }
      remove(batch);
      if (batch.unclear) this.#producerId = undefined;
      batch.failed(this.#verdict(batch, error));
    }
    if (!passing) {
      this.pump();
      return;
    }
    // Why nobody is known to lead is told by whoever asks the brokers.
    if (!isLeaderUnknown(error)) {
      this.#trouble.begins(translateError(error, this.#settings.connection, batches[0]?.queue.topic ?? ""));
    }
    if (!numbering) await this.#refresh();
    this.pump();
  }

  #verdict(batch: PendingBatch, error: unknown): DeliveryError {
    const { queue, writer, firstIndex } = batch;
    if (!isTooLarge(error)) return produceError(error, this.#settings.connection, queue.topic);
    const parameters = { topic: queue.topic, bytes: writer.size };
    const reason = new HeadraceError("FLUME_KAFKA_MESSAGE_TOO_LARGE", parameters);
    return new DeliveryError(reason.code, { retry: "never", parameters, refused: new Map([[firstIndex, reason]]) });
  }

  /** Asks who leads what now; from the addresses of the settings again when nobody known answers. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#askAgain().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #askAgain(): Promise<void> {
    try {
      await this.#cluster.refreshMetadata();
    } catch (error) {
      // A partition without a leader: the cluster is there, and the next look may find one.
      if (isLeaderUnknown(error)) {
        this.#trouble.begins(translateError(error, this.#settings.connection, [...this.#topics.keys()].join(", ")));
        return;
      }
      if (this.#closed.signal.aborted) return;
      const old = this.#cluster;
      void old.disconnect().catch(() => undefined);
      this.#cluster = this.#open();
      try {
        await connectInTime(this.#cluster);
      } catch (reason) {
        this.#trouble.begins(translateError(reason, this.#settings.connection, ""));
        return;
      }
      // One by one: a topic that is gone must not hold the others up.
      for (const topic of this.#topics.keys()) {
        try {
          await this.#cluster.addMultipleTargetTopics([topic]);
        } catch (reason) {
          this.#trouble.begins(translateError(reason, this.#settings.connection, topic));
        }
      }
    }
    for (const topic of this.#topics.keys()) this.#resize(topic);
  }

  #pumpAt(wait: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.pump(), Math.max(1, wait));
  }
}

/** A batch is not cut for less, in bytes. */
const SMALLEST_LIMIT = 1_000;
const UNKNOWN_ERROR = -1;
const LEADER_NOT_AVAILABLE = 5;
const DUPLICATE_SEQUENCE_NUMBER = 46;

/** Whoever chose the partition counted more of them. */
function partitionGone(value: number, topic: string, unclear: boolean): DeliveryError {
  return new DeliveryError("FLUME_KAFKA_PARTITION_INVALID", {
    outcome: unclear ? "unknown" : "none",
    parameters: { value, topic },
  });
}

function leaderUnknown(): KafkaJsError {
  return kafkaJs().errorOfCode(LEADER_NOT_AVAILABLE);
}

function isLeaderUnknown(error: unknown): boolean {
  return asKafkaJsError(error).type === "LEADER_NOT_AVAILABLE";
}

function isTooLarge(error: unknown): boolean {
  const { type } = asKafkaJsError(error);
  return type === "MESSAGE_TOO_LARGE" || type === "RECORD_LIST_TOO_LARGE";
}

function fitting(batches: readonly PendingBatch[]): readonly PendingBatch[] {
  let bytes = 0;
  const end = batches.findIndex(({ writer }, i) => (bytes += writer.size) > REQUEST_BYTES && i > 0);
  return end < 0 ? batches : batches.slice(0, end);
}

function remove(batch: PendingBatch): void {
  const { waiting } = batch.queue;
  const at = waiting.indexOf(batch);
  if (at >= 0) waiting.splice(at, 1);
}

/** Sequence numbers are 32 bits and go on at 0: Java's `DefaultRecordBatch.incrementSequence`. */
function nextSequence(sequence: number, count: number): number {
  const most = 0x7fffffff;
  return sequence > most - count ? count - (most - sequence) - 1 : sequence + count;
}

function expired({ brokerPool }: KafkaJsCluster): boolean {
  return brokerPool.metadataExpireAt === null || Date.now() > brokerPool.metadataExpireAt;
}
