import { DeliveryError } from "../../../engine/errors.js";
import type { KafkaPut, PutRecord } from "../port.js";
import type { BatchOwner, PendingBatch } from "./partition-queue.js";

/** What a put needs of its producer. */
export interface PutTaker {
  /** `index`: the record's place in the put; `turn`: the put's, which chooses a partition where nothing else does. */
  add(record: PutRecord, owner: BatchOwner, index: number, turn: number): PendingBatch;
  /** Sends whatever can be sent now. */
  pump(): void;
  /** A put waits for its end. */
  began(): void;
  ended(): void;
}

/** Records of one transaction, wherever they go: it is over when each of their batches is. */
export class Put implements KafkaPut, BatchOwner {
  readonly #producer: PutTaker;
  readonly #turn: number;
  readonly #open = new Set<PendingBatch>();
  #count = 0;
  #kept = false;
  #error: DeliveryError | undefined;
  #settled: (() => void) | undefined;

  constructor(producer: PutTaker, turn: number) {
    this.#producer = producer;
    this.#turn = turn;
  }

  add(record: PutRecord): void {
    this.#open.add(this.#producer.add(record, this, this.#count++, this.#turn));
  }

  async send(): Promise<void> {
    this.#producer.began();
    try {
      this.#producer.pump();
      if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#settled = resolve));
    } finally {
      this.#producer.ended();
    }
    if (!this.#error) return;
    if (!this.#kept || this.#error.outcome !== "none") throw this.#error;
    const { code, retry, parameters, refused } = this.#error;
    throw new DeliveryError(code, { retry, parameters, ...(refused ? { refused } : {}), outcome: "partial" });
  }

  kept(batch: PendingBatch): void {
    this.#kept = true;
    this.#end(batch);
  }

  failed(batch: PendingBatch, error: DeliveryError): void {
    this.#error ??= error;
    this.#end(batch);
  }

  split(batch: PendingBatch, into: readonly PendingBatch[]): void {
    this.#open.delete(batch);
    for (const part of into) this.#open.add(part);
  }

  #end(batch: PendingBatch): void {
    this.#open.delete(batch);
    if (this.#open.size === 0) this.#settled?.();
  }
}
