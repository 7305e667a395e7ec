import type { MessageDelivery } from "./delivery-book.js";
import type { EventRecord } from "./event-record.js";

/**
 * Completions while a deploy is under way. Nodes that close call `done()` for messages that they throw away
 * (Delay, Join), which looks like any other completion; only afterwards is it known whose node object has gone.
 */
export class DeployBuffer {
  #deploying = false;
  #incomplete = false;
  #completed: MessageDelivery[] = [];
  #lost: EventRecord[] = [];

  /** Nodes may be missing that are not disabled. */
  get incomplete(): boolean {
    return this.#incomplete;
  }

  get deploying(): boolean {
    return this.#deploying;
  }

  begin(): void {
    this.#deploying = true;
    this.#incomplete = true;
  }

  add(delivery: MessageDelivery): void {
    this.#completed.push(delivery);
  }

  /** A message for a node that is not there now. */
  addLost(record: EventRecord): void {
    this.#lost.push(record);
  }

  /** `complete`: all nodes run that are not disabled. @returns what was completed and lost meanwhile */
  end(complete: boolean): { completed: readonly MessageDelivery[]; lost: readonly EventRecord[] } {
    this.#deploying = false;
    this.#incomplete = !complete;
    const ended = { completed: this.#completed, lost: this.#lost };
    this.#completed = [];
    this.#lost = [];
    return ended;
  }
}
