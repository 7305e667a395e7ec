import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { blockingWork } from "../../../lib/engine/blocking-work.js";
import type { Content } from "../../../lib/engine/content.js";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
/** Never writes into what is there already, nor through a link that somebody put there. */
const NEW_FILE = O_WRONLY | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0);
/** Narrowed by the umask; never writable for everybody. */
const MODE = 0o664;

/** A file that holds whole batches only: what a failed write left is cut off before anything else is written. */
export class RolledFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #fsync: boolean;
  #length = 0;
  #ragged = false;

  private constructor(path: string, handle: FileHandle, fsync: boolean) {
    this.path = path;
    this.#handle = handle;
    this.#fsync = fsync;
  }

  /** Rejects with EEXIST when there is something of that name. */
  static async create(path: string, fsync: boolean): Promise<RolledFile> {
    const file = new RolledFile(path, await open(path, NEW_FILE, MODE), fsync);
    // The name must survive too.
    if (fsync) await syncDirectory(dirname(path));
    return file;
  }

  /** All or nothing, as far as the file system lets it: on failure the file is cut back, now or before the next write. */
  async append(content: Content): Promise<void> {
    if (this.#ragged) await this.#cutBack();
    this.#ragged = true;
    try {
      const end = await this.#writeAll(content);
      if (this.#fsync) await blockingWork(() => this.#handle.datasync());
      this.#length = end;
      this.#ragged = false;
    } catch (error) {
      await this.#cutBack().catch(() => undefined);
      throw error;
    }
  }

  /** Nothing of it counts yet. */
  get empty(): boolean {
    return this.#length === 0;
  }

  /** False while bytes of a failed write could not be cut off. */
  get whole(): boolean {
    return !this.#ragged;
  }

  async close(): Promise<void> {
    try {
      if (this.#ragged) await this.#cutBack();
    } finally {
      await this.#handle.close();
    }
  }

  async #writeAll(content: Content): Promise<number> {
    let end = this.#length;
    await content.sendTo(async (piece) => {
      let position = end;
      end += piece.length;
      for (let done = 0; done < piece.length; ) {
        const { bytesWritten } = await this.#handle.write(piece, done, piece.length - done, position);
        done += bytesWritten;
        position += bytesWritten;
      }
    });
    return end;
  }

  async #cutBack(): Promise<void> {
    await this.#handle.truncate(this.#length);
    this.#ragged = false;
  }
}

/** Not every system can; where it cannot, it need not. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY).catch(() => undefined);
  if (!directory) return;
  await blockingWork(() => directory.sync()).catch(() => undefined);
  await directory.close();
}
