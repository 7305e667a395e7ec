import type { EventBatch } from "../../../lib/engine/batch.js";
import type { SinkContext } from "../../../lib/engine/component.js";
import type { Sink } from "../../../lib/engine/contracts.js";

/** Forgets every event. */
export class NullSink implements Sink {
  readonly batchSize: number;
  readonly maxInFlight = 1;
  readonly #logEvery: number;
  readonly #context: SinkContext;
  #count = 0;
  #nextLog: number;

  constructor(settings: { batchSize: number; logEveryNEvents: number }, context: SinkContext) {
    this.batchSize = settings.batchSize;
    this.#logEvery = settings.logEveryNEvents;
    this.#nextLog = settings.logEveryNEvents || Number.POSITIVE_INFINITY;
    this.#context = context;
  }

  async start(): Promise<void> {}

  /** At most one line a batch, so that nothing is done per event. */
  async write(batch: EventBatch): Promise<void> {
    this.#count += batch.length;
    if (this.#count < this.#nextLog) return;
    const logged = this.#count - (this.#count % this.#logEvery);
    this.#nextLog = logged + this.#logEvery;
    this.#context.log.info(`Null sink ${this.#context.name} successful processed ${logged} events.`);
  }

  async stop(): Promise<void> {}
}
