import { randomBytes } from "node:crypto";

/** `_msgid`s of our own: unique in this process and beyond, and told apart from those of Node-RED. */
export class MessageIds {
  readonly #prefix = `${randomBytes(6).toString("hex")}-`;

  of(number: number): string {
    return this.#prefix + number.toString(36);
  }

  /** The number in one of ours. */
  numberIn(id: unknown): number | undefined {
    if (typeof id !== "string" || !id.startsWith(this.#prefix)) return undefined;
    return Number.parseInt(id.slice(this.#prefix.length), 36);
  }
}
