import type { DeliveryError } from "../../../engine/errors.js";
import { createEvent } from "../../../engine/event.js";
import type { PutRecord } from "../port.js";
import { FetchedRecords } from "../records/fetched-records.js";
import { BODY_VALUE, RecordBatchWriter, type RecordHeader } from "../records/record-batch-writer.js";
import type { SpareMemory } from "./spare-memory.js";

/** Who waits for the records of a batch. */
export interface BatchOwner {
  kept(batch: PendingBatch): void;
  /** `indices`: of the owner's records in `batch`. */
  failed(batch: PendingBatch, error: DeliveryError, indices: readonly number[]): void;
  /** The owner's records in `batch` are in those batches now. */
  split(batch: PendingBatch, into: readonly PendingBatch[]): void;
}

/** Records of one owner that follow each other in a batch. */
interface OwnerRun {
  readonly owner: BatchOwner;
  /** Their places in the owner's put. */
  readonly indices: number[];
}

const EMPTY = Buffer.alloc(0);

/** Records of one partition that travel together, from their first to their acknowledgement. */
export class PendingBatch {
  readonly queue: PartitionQueue;
  readonly writer: RecordBatchWriter;
  /** When trying ends, in milliseconds since 1970. */
  readonly deadline: number;
  /** Ready to be sent; the number of the producer that it was made for stands in it. */
  bytes: Buffer | undefined;
  producerId: bigint | undefined;
  /** An attempt ended without telling whether the broker has it. */
  unclear = false;
  readonly #runs: OwnerRun[] = [];
  readonly #firstTimestamp: number;

  constructor(queue: PartitionQueue, firstTimestamp: number, deadline: number) {
    this.queue = queue;
    this.writer = new RecordBatchWriter(firstTimestamp, queue.spare.take());
    this.#firstTimestamp = firstTimestamp;
    this.deadline = deadline;
  }

  /** Of its first record. */
  get firstIndex(): number {
    return this.#runs[0]?.indices[0] ?? 0;
  }

  own(owner: BatchOwner, index: number): void {
    const last = this.#runs.at(-1);
    if (last?.owner === owner) last.indices.push(index);
    else this.#runs.push({ owner, indices: [index] });
  }

  kept(): void {
    for (const { owner } of this.#runs) owner.kept(this);
  }

  failed(error: DeliveryError): void {
    for (const { owner, indices } of this.#runs) owner.failed(this, error, indices);
  }

  /** The same records in two batches, in their order, which take this one's place in the queue. */
  split(): void {
    const records = FetchedRecords.scan(this.writer.records, {
      count: this.writer.count,
      baseOffset: 0,
      baseTimestamp: this.#firstTimestamp,
    });
    const half = Math.ceil(records.length / 2);
    const owners = this.#runs.flatMap(({ owner, indices }) => indices.map((index) => ({ owner, index })));
    const parts = [records.slice(0, half), records.slice(half, records.length)].map((part, which) => {
      const batch = new PendingBatch(this.queue, this.#firstTimestamp, this.deadline);
      for (let i = 0; i < part.length; i++) {
        const headers: RecordHeader[] = [];
        part.headers(i, (name, value) => headers.push([name, value]));
        const event = createEvent(part.value(i) ?? EMPTY);
        batch.writer.add(event, BODY_VALUE, part.timestamp(i) ?? this.#firstTimestamp, part.key(i), headers);
        const { owner, index } = owners[which * half + i] as { owner: BatchOwner; index: number };
        batch.own(owner, index);
      }
      return batch;
    });
    const { waiting } = this.queue;
    waiting.splice(waiting.indexOf(this), 1, ...parts);
    for (const { owner } of this.#runs) {
      owner.split(
        this,
        parts.filter((part) => part.#runs.some((run) => run.owner === owner)),
      );
    }
  }
}

/** What waits to be sent to one partition, in order. One batch at a time is on its way, so that order survives retries. */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly waiting: PendingBatch[] = [];
  /** Memory for the next batches. */
  readonly spare: SpareMemory;
  sending = false;
  /** Not before, in milliseconds since 1970. */
  retryAt = 0;
  failures = 0;
  /** Number of the next record, for brokers that drop repeated batches. */
  sequence = 0;
  sequenceOf: bigint | undefined;
  /** Most bytes of a batch; smaller once the broker has found one too large. */
  limit: number;

  constructor(topic: string, partition: number, limit: number, spare: SpareMemory) {
    this.topic = topic;
    this.partition = partition;
    this.spare = spare;
    this.limit = limit;
  }

  /** Adds a record to the last batch that is still open, or to a new one. @returns which one */
  add(record: PutRecord, owner: BatchOwner, index: number, deliveryTimeout: number): PendingBatch {
    const { event, value, timestamp, key, headers } = record;
    const last = this.waiting.at(-1);
    const open = last && !last.bytes && !(this.sending && this.waiting.length === 1) ? last : undefined;
    if (open?.writer.add(event, value, timestamp, key, headers, this.limit)) {
      open.own(owner, index);
      return open;
    }
    const batch = new PendingBatch(this, timestamp, Date.now() + deliveryTimeout);
    batch.writer.add(event, value, timestamp, key, headers);
    batch.own(owner, index);
    this.waiting.push(batch);
    return batch;
  }
}
