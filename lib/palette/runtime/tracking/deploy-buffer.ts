import type { MessageDelivery } from "./delivery-book.js";

/**
 * Completions while a deploy is under way. Nodes that close call `done()` for messages that they throw away
 * (Delay, Join), which looks like any other completion; only afterwards is it known whose node object has gone.
 */
export class DeployBuffer {
  #deploying = false;
  #completed: MessageDelivery[] = [];

  get deploying(): boolean {
    return this.#deploying;
  }

  begin(): void {
    this.#deploying = true;
  }

  add(delivery: MessageDelivery): void {
    this.#completed.push(delivery);
  }

  /** @returns what was completed meanwhile */
  end(): readonly MessageDelivery[] {
    this.#deploying = false;
    const completed = this.#completed;
    this.#completed = [];
    return completed;
  }
}
