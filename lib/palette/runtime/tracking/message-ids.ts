import { randomBytes } from "node:crypto";

/** Ids of given-up events that are remembered, so that what still comes for them is not taken for a late send. */
const MOST_ABORTED = 10_000;

/** `_msgid`s of our own: unique in this process and beyond, and told apart from those of Node-RED. */
export class MessageIds {
  readonly #prefix = `${randomBytes(6).toString("hex")}-`;
  readonly #aborted = new Set<string>();
  #last = 0;

  next(): string {
    return this.#prefix + (++this.#last).toString(36);
  }

  isOurs(id: unknown): id is string {
    return typeof id === "string" && id.startsWith(this.#prefix);
  }

  aborted(id: string | undefined): void {
    if (id === undefined) return;
    this.#aborted.add(id);
    if (this.#aborted.size <= MOST_ABORTED) return;
    const [oldest] = this.#aborted;
    this.#aborted.delete(oldest as string);
  }

  /** Given that no open record has it: whether it is one of ours that was settled. */
  isOfSettled(id: unknown): boolean {
    return this.isOurs(id) && !this.#aborted.has(id);
  }
}
