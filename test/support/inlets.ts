import type { EventBatch } from "../../lib/engine/batch.js";
import type { Inlet, Limits, Prepared } from "../../lib/engine/contracts.js";
import { deliveryAborted } from "../../lib/engine/errors.js";
import { bodiesOf } from "./event-batches.js";

const NO_LIMITS: Limits = { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** Keeps what enters it; waits and fails when and where the test says. */
export class TestInlet implements Inlet {
  readonly id: string;
  limits = NO_LIMITS;
  takeSize = Number.POSITIVE_INFINITY;
  maxInFlight = 1;
  /** Accepted, in order of acceptance. */
  readonly accepted: EventBatch[] = [];
  /** The next ones of their kind reject with these; undefined lets one through. */
  readonly prepareFailures: (Error | undefined)[] = [];
  readonly commitFailures: (Error | undefined)[] = [];
  /** Calls wait for these while they are there. */
  prepareGate: Promise<unknown> | undefined;
  commitGate: Promise<unknown> | undefined;
  /** Calls so far, and how many were prepared and neither committed nor aborted. */
  prepares = 0;
  commits = 0;
  open = 0;
  mostCommitting = 0;
  #committing = 0;

  constructor(id = "inlet") {
    this.id = id;
  }

  get bodies(): string[] {
    return bodiesOf(this.accepted);
  }

  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    this.prepares++;
    if (this.prepareGate) await unlessAborted(this.prepareGate, signal);
    const failure = this.prepareFailures.shift();
    if (failure) throw failure;
    this.open++;
    return {
      commit: () => this.#commit(batch),
      abort: () => {
        this.open--;
      },
    };
  }

  async #commit(batch: EventBatch): Promise<void> {
    this.commits++;
    this.open--;
    this.mostCommitting = Math.max(this.mostCommitting, ++this.#committing);
    try {
      if (this.commitGate) await this.commitGate;
      const failure = this.commitFailures.shift();
      if (failure) throw failure;
      this.accepted.push(batch);
    } finally {
      this.#committing--;
    }
  }
}

function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const withdraw = () => reject(deliveryAborted());
    if (signal.aborted) withdraw();
    signal.addEventListener("abort", withdraw, { once: true });
    work.then(resolve, reject);
  });
}
