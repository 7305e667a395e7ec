import type { HeadraceError } from "../../../engine/errors.js";
import type { EventOwner, EventRecord, Failure } from "./event-record.js";

/** One batch on its way through ordinary nodes: what of it is under way, and what has failed. */
export class TrackedBatch implements EventOwner {
  readonly length: number;
  /** By index. */
  readonly failed = new Map<number, HeadraceError>();
  /** By index; a place is empty before the hand-over and after the end. */
  readonly #records: (EventRecord | undefined)[];
  #underWay = 0;
  #settled = 0;
  #progressed = true;
  #lastProgress = 0;
  #wake: (() => void) | undefined;

  constructor(length: number) {
    this.length = length;
    this.#records = new Array<EventRecord | undefined>(length);
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** Events under way. */
  get records(): readonly EventRecord[] {
    return this.#records.filter((record) => record !== undefined);
  }

  get isSettled(): boolean {
    return this.#settled === this.length;
  }

  /** When one of its events was last handed over or settled, as far as it was looked at: the clock is not read for each. */
  lastProgress(now: number): number {
    if (this.#progressed) this.#lastProgress = now;
    this.#progressed = false;
    return this.#lastProgress;
  }

  begin(record: EventRecord): void {
    this.#records[record.index] = record;
    this.#underWay++;
    this.#progressed = true;
  }

  settled(index: number, failure: Failure | undefined): void {
    this.#records[index] = undefined;
    this.#underWay--;
    this.#end(index, failure?.error);
  }

  /** What is under way has failed, with its own error where it has one; its records have been given up. */
  failUnderWay(error: HeadraceError): void {
    for (const [index, record] of this.#records.entries()) {
      if (record) this.settled(index, record.failures[0] ?? { error });
    }
  }

  /** Events from `index` on will not be handed over. */
  refuseFrom(index: number, error: HeadraceError): void {
    for (let i = index; i < this.length; i++) this.#end(i, error);
  }

  /** Resolves when there is room for more, or nothing left. */
  async progress(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #end(index: number, error: HeadraceError | undefined): void {
    this.#settled++;
    this.#progressed = true;
    if (error) this.failed.set(index, error);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
