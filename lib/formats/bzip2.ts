import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { HeadraceError } from "../engine/errors.js";

/**
 * Runs in a thread of its own: the package `bzip2-wasm` compresses some ten megabytes a second and has no other way
 * than to block.
 */
const WORKER = `
const { parentPort, workerData } = require("node:worker_threads");
const ready = (async () => {
  const loaded = await import(workerData);
  const bzip2 = new loaded.default();
  await bzip2.init();
  return bzip2;
})();
ready.catch(() => {});
parentPort.on("message", async ({ id, bytes, size }) => {
  try {
    const bzip2 = await ready;
    const out = [];
    for (let start = 0; start < Math.max(bytes.length, 1); start += size) {
      const piece = bytes.subarray(start, start + size);
      // The most that it may become, by bzip2's manual: a hundredth more, and 600 bytes.
      out.push(Buffer.from(bzip2.compress(piece, 9, Math.ceil(piece.length * 1.01) + 600)));
    }
    parentPort.postMessage({ id, compressed: Buffer.concat(out) });
  } catch (error) {
    parentPort.postMessage({ id, reason: String(error && error.message || error) });
  }
});
`;

/** In several streams each holds less than a block of bzip2, and can be read by itself: files do with them. Avro reads one. */
export type Bzip2Shape = "one stream" | "several streams";
const STREAM = 800 * 1024;

interface Answer {
  readonly id: number;
  readonly compressed?: Uint8Array;
  readonly reason?: string;
}

class Bzip2Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(bytes: Buffer): void; reject(error: Error): void }>();
  #next = 0;

  /** Throws when the package is not installed. */
  constructor() {
    // Found from here: a worker made of text would look below the working directory.
    const workerData = pathToFileURL(createRequire(__filename).resolve("bzip2-wasm")).href;
    this.#worker = new Worker(WORKER, { eval: true, workerData });
    // It must not keep a process alive that wants to end.
    this.#worker.unref();
    this.#worker.on("message", ({ id, compressed, reason }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (compressed) waiting?.resolve(Buffer.from(compressed.buffer, compressed.byteOffset, compressed.byteLength));
      else waiting?.reject(new Error(reason));
      if (this.#waiting.size === 0) this.#worker.unref();
    });
    this.#worker.on("error", (error) => {
      for (const { reject } of this.#waiting.values()) reject(error as Error);
      this.#waiting.clear();
      thread = undefined;
    });
  }

  compress(bytes: Buffer, shape: Bzip2Shape): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, bytes, size: shape === "one stream" ? Math.max(bytes.length, 1) : STREAM });
    });
  }
}

let thread: Bzip2Thread | undefined;

/** Rejects with FLUME_CODEC_MISSING when the package is not installed. */
export async function bzip2(shape: Bzip2Shape): Promise<(bytes: Buffer) => Promise<Buffer>> {
  try {
    thread ??= new Bzip2Thread();
    await thread.compress(Buffer.from("a"), shape);
  } catch (error) {
    thread = undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new HeadraceError("FLUME_CODEC_MISSING", { codec: "bzip2", needed: "bzip2-wasm", reason }, error);
  }
  return (bytes) => (thread ??= new Bzip2Thread()).compress(bytes, shape);
}
