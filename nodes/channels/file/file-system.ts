import { close, constants, fdatasync, fstat, ftruncate, open, read, write } from "node:fs";
import { mkdir, open as openHandle, readdir, rename, stat, statfs, unlink } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { blockingWork } from "../../../lib/engine/blocking-work.js";

/** Only the owner reads what is queued: events may hold anything. */
export const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

export interface StoredFile {
  /** Writes all of `data`; a write that ends early is an error. */
  write(data: Buffer, position: number): Promise<void>;
  /** How many bytes were read: fewer than asked for only at the end of the file. */
  read(into: Buffer, position: number): Promise<number>;
  /** Resolves when everything written before the call is on the disk. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/**
 * All that a file channel asks of a disk. Rejections carry the system's `code`. The tests stand in for
 * it: one that fails, one that is slow, one that loses what was not synced.
 */
export interface FileSystem {
  /** `create` empties a file that is there. */
  open(path: string, how: "create" | "change" | "read"): Promise<StoredFile>;
  rename(from: string, to: string): Promise<void>;
  /** Nothing when there is no such file. */
  remove(path: string): Promise<void>;
  /** Names in a directory; none when there is no such directory. */
  list(directory: string): Promise<string[]>;
  makeDirectory(directory: string): Promise<void>;
  /** Resolves when names created, renamed and removed in it before the call are on the disk. */
  syncDirectory(directory: string): Promise<void>;
  /** Bytes that this user may still write. */
  freeBytes(directory: string): Promise<number>;
  /** How many disks are mounted one upon the other from the root to `directory`, or to as much of it as there is. */
  mountsAbove(directory: string): Promise<number>;
}

const FLAGS = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
  change: constants.O_RDWR,
  read: constants.O_RDONLY,
} as const;

/** The disk of this machine. Each call takes one of the few threads that blocking work may hold. */
export const realFileSystem: FileSystem = {
  open: (path, how) =>
    blockingWork(
      () =>
        new Promise((resolve, reject) => {
          open(path, FLAGS[how], FILE_MODE, (error, descriptor) => {
            if (error) reject(error);
            else resolve(new DescriptorFile(descriptor));
          });
        }),
    ),
  rename: (from, to) => blockingWork(() => rename(from, to)),
  remove: (path) => blockingWork(() => unlink(path).catch(unlessMissing)),
  list: (directory) => blockingWork(() => readdir(directory).catch((error) => unlessMissing(error) ?? [])),
  makeDirectory: (directory) =>
    blockingWork(async () => {
      await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    }),
  syncDirectory: (directory) =>
    blockingWork(async () => {
      // Windows has no such thing: it keeps names safe by itself.
      if (process.platform === "win32") return;
      const handle = await openHandle(directory, "r");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }),
  freeBytes: (directory) =>
    blockingWork(async () => {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    }),
  mountsAbove: (directory) =>
    blockingWork(async () => {
      const devices: number[] = [];
      for (let each = resolve(directory); ; each = dirname(each)) {
        const found = await stat(each).catch(() => undefined);
        if (found && found.dev !== devices.at(-1)) devices.push(found.dev);
        if (each === dirname(each)) return devices.length - 1;
      }
    }),
};

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

/** Callbacks instead of file handles: they cost half as much on the way that every put takes. */
class DescriptorFile implements StoredFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(data: Buffer, position: number): Promise<void> {
    return blockingWork(async () => {
      let done = 0;
      while (done < data.length) done += await this.#writeSome(data, done, position);
    });
  }

  #writeSome(data: Buffer, from: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#descriptor, data, from, data.length - from, position + from, (error, written) => {
        if (error) reject(error);
        else if (written === 0)
          reject(Object.assign(new Error("ENOSPC: nothing could be written"), { code: "ENOSPC" }));
        else resolve(written);
      });
    });
  }

  read(into: Buffer, position: number): Promise<number> {
    return blockingWork(async () => {
      let done = 0;
      while (done < into.length) {
        const some = await this.#readSome(into, done, position);
        if (some === 0) break;
        done += some;
      }
      return done;
    });
  }

  #readSome(into: Buffer, from: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#descriptor, into, from, into.length - from, position + from, (error, bytes) => {
        if (error) reject(error);
        else resolve(bytes);
      });
    });
  }

  sync(): Promise<void> {
    return blockingWork(() => settled((done) => fdatasync(this.#descriptor, done)));
  }

  truncate(length: number): Promise<void> {
    return blockingWork(() => settled((done) => ftruncate(this.#descriptor, length, done)));
  }

  size(): Promise<number> {
    return blockingWork(
      () =>
        new Promise((resolve, reject) => {
          fstat(this.#descriptor, (error, stats) => {
            if (error) reject(error);
            else resolve(stats.size);
          });
        }),
    );
  }

  close(): Promise<void> {
    return blockingWork(() => settled((done) => close(this.#descriptor, done)));
  }
}

function settled(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
