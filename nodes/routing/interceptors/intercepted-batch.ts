import { BatchEditor } from "../../../lib/engine/batch.js";
import type { HeadraceError } from "../../../lib/engine/errors.js";
import type { Refused } from "../../../lib/engine/refusal.js";

const NONE: Refused = new Map();

/** A batch on its way through the chain: edits, bodies as text, decoded once for all interceptors, and who was refused. */
export class InterceptedBatch extends BatchEditor {
  #texts: (string | undefined)[] | undefined;
  #refused: Map<number, HeadraceError> | undefined;

  /** The body as UTF-8 text; undefined once dropped. */
  text(index: number): string | undefined {
    const event = this.at(index);
    if (event === undefined) return undefined;
    this.#texts ??= new Array<string | undefined>(this.length);
    return (this.#texts[index] ??= event.body.toString("utf8"));
  }

  /** Makes `text` the body, as UTF-8. */
  setText(index: number, text: string): void {
    this.setBody(index, Buffer.from(text, "utf8"));
  }

  override setBody(index: number, body: Buffer): void {
    if (this.#texts) this.#texts[index] = undefined;
    super.setBody(index, body);
  }

  /** The event leaves the batch; the refusal exit decides where it goes, as it was before the chain. */
  refuse(index: number, error: HeadraceError): void {
    this.#refused ??= new Map();
    this.#refused.set(index, error);
    this.drop(index);
  }

  /** By index in the batch that entered the chain. */
  get refused(): Refused {
    return this.#refused ?? NONE;
  }
}
