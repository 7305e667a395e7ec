import type { MessageDelivery } from "./delivery-book.js";

/**
 * Completions while a deploy is under way. Nodes that close call `done()` for messages that they throw away
 * (Delay, Join), which looks like any other completion; only afterwards is it known whose node object has gone.
 */
export class DeployBuffer {
  #deploying = false;
  #incomplete = false;
  #completed: MessageDelivery[] = [];

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

  /** `complete`: all nodes run that are not disabled. @returns what was completed meanwhile */
  end(complete: boolean): readonly MessageDelivery[] {
    this.#deploying = false;
    this.#incomplete = !complete;
    const completed = this.#completed;
    this.#completed = [];
    return completed;
  }
}
