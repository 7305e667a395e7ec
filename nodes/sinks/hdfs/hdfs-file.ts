import { Backoff, sleep } from "../../../lib/engine/backoff.js";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Content } from "../../../lib/engine/content.js";
import { asDeliveryError, DeliveryError } from "../../../lib/engine/errors.js";
import type { FileBody } from "../../../lib/formats/file-format.js";
import { isHdfsError, isTaken } from "../../../lib/protocols/webhdfs/hdfs-error.js";
import type { WebHdfsClient } from "../../../lib/protocols/webhdfs/webhdfs-client.js";
import type { NamedFile } from "./file-names.js";
import { isBeingWritten } from "./file-finisher.js";
import type { IoSlots } from "./io-slots.js";
import type { OpenFileRecord, OpenFilesJournal } from "./open-files-journal.js";

/** Waits between looks at a file whose last write has an unknown outcome, in milliseconds. */
const FIRST_LOOK = 50;
const LONGEST_LOOK = 1000;
/**
 * How long it is tried to find out; after that a new file is begun. A data node is told to cut a block with a
 * heartbeat, of which there is one in three seconds.
 */
const LOOKING = 15_000;
/** Times that the same bytes are written when it is known that they are not there. */
const MOST_TRIES = 3;

export interface FileSurroundings {
  readonly client: WebHdfsClient;
  readonly slots: IoSlots;
  readonly journal: OpenFilesJournal;
  /** Aborted when the sink stops. */
  readonly stopping: AbortSignal;
}

/** The name is another file's. */
export class NameTaken extends Error {}

/**
 * One file while it is written: each write is one request, after which HDFS has closed the file and has every byte.
 * After a write whose outcome is unknown its length tells: as before, and the bytes are sent again; as intended, and
 * they are there; anything else is cut off first.
 */
export class HdfsFile {
  readonly name: NamedFile;
  readonly #body: FileBody;
  readonly #around: FileSurroundings;
  #length = 0;
  #intended = 0;
  /** A create of this name may have been carried out, so what is there is ours. */
  #ours = false;
  /** A create met a name node that was no longer the active one, or not yet. */
  #metStandby = false;
  #broken = false;
  events = 0;
  bodyBytes = 0;

  constructor(name: NamedFile, body: FileBody, around: FileSurroundings) {
    this.name = name;
    this.#body = body;
    this.#around = around;
  }

  /** Nothing may be written to it any more: what came of the last write could not be found out, or it is gone. */
  get broken(): boolean {
    return this.#broken;
  }

  get empty(): boolean {
    return this.#length === 0 && !this.#ours;
  }

  /** For whoever finishes it. */
  get record(): OpenFileRecord {
    const record = { ...this.name, durable: this.#length, intended: this.#intended };
    return this.#broken ? { ...record, resent: true } : record;
  }

  /** Resolves when the events are durable. Rejects with DeliveryError, or NameTaken. `bodyBytes`: of the batch. */
  async write(batch: EventBatch, bodyBytes: number): Promise<void> {
    const piece = await this.#body.piece(batch, this.#length === 0);
    this.#intended = this.#length + piece.length;
    await this.#around.journal.note(this.record);
    for (let tries = 1; ; tries++) {
      try {
        await this.#send(piece);
        break;
      } catch (error) {
        if (await this.#cameThrough(error)) break;
        const again = tries < MOST_TRIES && !this.#around.stopping.aborted;
        if (again && !isStuck(error)) continue;
        // A data node whose disk was full may never again take more into a file that it has, though it takes new ones.
        if (this.#length > 0) this.#broken = true;
        throw withoutTrace(error);
      }
    }
    this.#length = this.#intended;
    this.events += batch.length;
    this.bodyBytes += bodyBytes;
  }

  async #send(piece: Content): Promise<void> {
    const { client, slots } = this.#around;
    const path = this.name.open;
    if (this.#length > 0) {
      await slots.run(() => client.append(path, piece));
      return;
    }
    const overwrite = this.#ours;
    try {
      await slots.run(() => client.create(path, piece, { overwrite, again: this.#metStandby }));
      this.#ours = true;
    } catch (error) {
      const hdfs = isHdfsError(error) ? error : undefined;
      if (!overwrite && isTaken(error)) throw new NameTaken(path);
      if (hdfs?.code === "FLUME_HDFS_STANDBY") this.#metStandby = true;
      if (hdfs?.outcome !== "none") this.#ours = true;
      throw error;
    }
  }

  /** After a failed write: true when all of it is there, false when none of it is; rejects when that cannot be said. */
  async #cameThrough(error: unknown): Promise<boolean> {
    if (error instanceof NameTaken) throw error;
    const failure = asDeliveryError(error);
    // Whoever else holds the lease of this file may hold it for a minute: a new file is quicker.
    if (isBeingWritten(error) || isGone(error)) {
      this.#broken = true;
      throw failure;
    }
    // Nothing happened: the caller may try again when there is a reason to.
    if (failure.outcome === "none") throw failure;

    const { stopping } = this.#around;
    const backoff = new Backoff(FIRST_LOOK, LONGEST_LOOK);
    const deadline = performance.now() + LOOKING;
    while (!stopping.aborted && performance.now() < deadline) {
      const found = await this.#look().catch(() => undefined);
      if (found !== undefined) return found;
      await sleep(backoff.next(), stopping);
    }
    this.#broken = true;
    throw new DeliveryError(failure.code, {
      outcome: "unknown",
      parameters: failure.parameters,
      cause: error,
    });
  }

  /** Undefined when it is not settled yet. */
  async #look(): Promise<boolean | undefined> {
    const { client, slots } = this.#around;
    const path = this.name.open;
    const status = await slots.run(() => client.status(path));
    if (status?.length === this.#intended) return true;
    // The next create writes over whatever is there, and ends the lease of whoever writes there now.
    if (this.#length === 0) return false;
    // Also where the length is as before: HDFS refuses while the data node has the file open.
    return (await slots.run(() => client.truncate(path, this.#length))) ? false : undefined;
  }
}

/** "All datanodes … are bad. Aborting...": those that have the file's last block do not take more of it. */
function isStuck(error: unknown): boolean {
  return isHdfsError(error) && /All datanodes .* are bad/s.test(error.message);
}

function isGone(error: unknown): boolean {
  return isHdfsError(error) && error.exception === "FileNotFoundException";
}

/** It is known that nothing of the write is in the file. */
function withoutTrace(error: unknown): DeliveryError {
  const { code, parameters } = asDeliveryError(error);
  return new DeliveryError(code, { outcome: "none", parameters, cause: error });
}
