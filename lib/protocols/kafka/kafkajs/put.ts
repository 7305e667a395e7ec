import { DeliveryError, type HeadraceError, type Outcome } from "../../../engine/errors.js";
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
  /** By index in the put, those that were told first before others. */
  readonly #failed = new Map<number, DeliveryError>();
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
    const [first] = this.#failed.values();
    if (first) throw this.#rejection(first);
  }

  kept(batch: PendingBatch): void {
    this.#kept = true;
    this.#end(batch);
  }

  failed(batch: PendingBatch, error: DeliveryError, indices: readonly number[]): void {
    for (const index of indices) this.#failed.set(index, error);
    this.#end(batch);
  }

  split(batch: PendingBatch, into: readonly PendingBatch[]): void {
    this.#open.delete(batch);
    for (const part of into) this.#open.add(part);
  }

  #rejection(first: DeliveryError): DeliveryError {
    const { code, retry, parameters } = first;
    const refused = new Map<number, HeadraceError>();
    let outcome: Outcome = this.#kept ? "partial" : "none";
    for (const error of new Set(this.#failed.values())) {
      for (const [index, reason] of error.refused ?? []) refused.set(index, reason);
      if (error.outcome === "unknown") outcome = "unknown";
    }
    if (refused.size === 0) return new DeliveryError(code, { outcome, retry, parameters, cause: first });
    // Those that are kept must not be written again with whatever is not refused.
    const left = outcome === "none" ? {} : { failed: this.#failed };
    return new DeliveryError(code, { outcome, retry, parameters, refused, ...left, cause: first });
  }

  #end(batch: PendingBatch): void {
    this.#open.delete(batch);
    if (this.#open.size === 0) this.#settled?.();
  }
}
