import type { NodeFace } from "./node-face.js";
import type { NodeRed } from "./node-red.js";
import { RateSampler } from "./rate-sampler.js";

const MOST_CHARS = 1000;

/** Texts of a node in the editor's debug sidebar, sampled as a Debug node on a wire is. */
export class DebugSidebar {
  readonly #red: NodeRed;
  readonly #face: NodeFace;
  readonly #sampler: RateSampler;

  constructor(red: NodeRed, face: NodeFace) {
    this.#red = red;
    this.#face = face;
    this.#sampler = new RateSampler((skipped) => this.#publish(`… ${skipped} more`));
  }

  /** Shows as many of `count` texts as the rate allows; only those are formatted. */
  show(count: number, format: (index: number) => string): void {
    const shown = this.#sampler.admit(count);
    for (let i = 0; i < shown; i++) this.#publish(format(i));
  }

  #publish(text: string): void {
    const { shell } = this.#face;
    if (!shell) return;
    const { id, z, name, _alias, _path } = shell;
    const message = { id, z, _alias, path: _path, name, topic: "", msg: text };
    this.#red.comms.publish("debug", this.#red.util.encodeObject(message, { maxLength: MOST_CHARS }));
  }
}
