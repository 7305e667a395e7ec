import { EMPTY_BATCH, type EventBatch, joinBatches } from "../../../lib/engine/batch.js";
import { asDeliveryError, type DeliveryError } from "../../../lib/engine/errors.js";

/** A run of a share's events that is written together. */
export interface Run {
  readonly share: Share;
  readonly batch: EventBatch;
  /** Of its bodies. */
  readonly bodyBytes: number;
}

/**
 * The events of one write that go into one folder. They may be spread over several files; the write is settled once
 * none of them is under way.
 */
export class Share {
  readonly batch: EventBatch;
  /** Resolves when all events are durable. Rejects with DeliveryError; `left` has what is not written then. */
  readonly settled: Promise<void>;
  #next = 0;
  #underWay = 0;
  #failure: DeliveryError | undefined;
  readonly #failed: EventBatch[] = [];
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(batch: EventBatch) {
    this.batch = batch;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Events that nobody has taken yet. */
  get waiting(): number {
    return this.#failure ? 0 : this.batch.length - this.#next;
  }

  at(offset: number) {
    return this.batch.at(this.#next + offset);
  }

  /** Takes the next events, at most as many as wait. */
  take(count: number, bodyBytes: number): Run {
    const batch = this.batch.slice(this.#next, this.#next + count);
    this.#next += count;
    this.#underWay++;
    return { share: this, batch, bodyBytes };
  }

  written(): void {
    this.#underWay--;
    this.#settle();
  }

  failed(batch: EventBatch, error: unknown): void {
    this.#underWay--;
    this.#failed.push(batch);
    this.fail(error);
  }

  /** What waits is not written any more. */
  fail(error: unknown): void {
    this.#failure ??= asDeliveryError(error);
    this.#settle();
  }

  /** Events that were not written, once it has failed. */
  get left(): EventBatch {
    if (!this.#failure) return EMPTY_BATCH;
    const untaken = this.#next < this.batch.length ? [this.batch.slice(this.#next, this.batch.length)] : [];
    return joinBatches([...this.#failed, ...untaken]);
  }

  #settle(): void {
    if (this.#underWay > 0) return;
    if (this.#failure) this.#reject(this.#failure);
    else if (this.#next === this.batch.length) this.#resolve();
  }
}
