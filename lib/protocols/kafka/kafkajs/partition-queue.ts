import type { DeliveryError } from "../../../engine/errors.js";
import type { PutRecord } from "../port.js";
import { RecordBatchWriter } from "../records/record-batch-writer.js";

/** Who waits for the records of a batch. */
export interface BatchOwner {
  kept(batch: PendingBatch): void;
  failed(batch: PendingBatch, error: DeliveryError): void;
}

/** Records of one partition that travel together, from their first to their acknowledgement. */
export class PendingBatch {
  readonly queue: PartitionQueue;
  readonly writer: RecordBatchWriter;
  readonly owners: BatchOwner[] = [];
  /** When trying ends, in milliseconds since 1970. */
  readonly deadline: number;
  /** Ready to be sent; the number of the producer that it was made for stands in it. */
  bytes: Buffer | undefined;
  producerId: bigint | undefined;
  /** An attempt ended without telling whether the broker has it. */
  unclear = false;
  /** Place in its owner's put of the record, while there is only one. */
  readonly firstIndex: number;

  constructor(queue: PartitionQueue, firstTimestamp: number, firstIndex: number, deadline: number) {
    this.queue = queue;
    this.writer = new RecordBatchWriter(firstTimestamp);
    this.firstIndex = firstIndex;
    this.deadline = deadline;
  }

  kept(): void {
    for (const owner of this.owners) owner.kept(this);
  }

  failed(error: DeliveryError): void {
    for (const owner of this.owners) owner.failed(this, error);
  }
}

/** What waits to be sent to one partition, in order. One batch at a time is on its way, so that order survives retries. */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly waiting: PendingBatch[] = [];
  sending = false;
  /** Not before, in milliseconds since 1970. */
  retryAt = 0;
  failures = 0;
  /** Number of the next record, for brokers that drop repeated batches. */
  sequence = 0;
  sequenceOf: bigint | undefined;
  /** Most bytes of a batch; smaller once the broker has found one too large. */
  limit: number;

  constructor(topic: string, partition: number, limit: number) {
    this.topic = topic;
    this.partition = partition;
    this.limit = limit;
  }

  /** Adds a record to the last batch that is still open, or to a new one. @returns which one */
  add(record: PutRecord, owner: BatchOwner, index: number, deliveryTimeout: number): PendingBatch {
    const { event, value, timestamp, key, headers } = record;
    const last = this.waiting.at(-1);
    const open = last && !last.bytes && !(this.sending && this.waiting.length === 1) ? last : undefined;
    if (open?.writer.add(event, value, timestamp, key, headers, this.limit)) {
      if (open.owners.at(-1) !== owner) open.owners.push(owner);
      return open;
    }
    const batch = new PendingBatch(this, timestamp, index, Date.now() + deliveryTimeout);
    batch.writer.add(event, value, timestamp, key, headers);
    batch.owners.push(owner);
    this.waiting.push(batch);
    return batch;
  }
}
