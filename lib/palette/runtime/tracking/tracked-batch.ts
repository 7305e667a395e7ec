import type { HeadraceError } from "../../../engine/errors.js";
import type { EventRecord, Failure } from "./event-record.js";

/** One batch on its way through ordinary nodes: what of it is under way, and what has failed. */
export class TrackedBatch {
  readonly length: number;
  /** When one of its events was last handed over or settled, by performance.now(). */
  lastProgress = performance.now();
  /** By index. */
  readonly failed = new Map<number, HeadraceError>();
  readonly #underWay = new Map<number, EventRecord>();
  #settled = 0;
  #wake: (() => void) | undefined;

  constructor(length: number) {
    this.length = length;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** Events under way. */
  get records(): readonly EventRecord[] {
    return [...this.#underWay.values()];
  }

  get isSettled(): boolean {
    return this.#settled === this.length;
  }

  /** `open` makes the event's record, given whom to tell. */
  begin(index: number, open: (onSettled: (failure: Failure | undefined) => void) => EventRecord): EventRecord {
    const record = open((failure) => this.#end(index, failure?.error));
    this.#underWay.set(index, record);
    this.lastProgress = performance.now();
    return record;
  }

  /** What is under way has failed; its records have been given up. */
  failUnderWay(error: HeadraceError): void {
    for (const index of [...this.#underWay.keys()]) this.#end(index, error);
  }

  /** Events from `index` on will not be handed over. */
  refuseFrom(index: number, error: HeadraceError): void {
    for (let i = index; i < this.length; i++) this.#end(i, error);
  }

  /** Resolves when something has been settled since. */
  async progress(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #end(index: number, error: HeadraceError | undefined): void {
    this.#underWay.delete(index);
    this.#settled++;
    this.lastProgress = performance.now();
    if (error) this.failed.set(index, error);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
