import type { DirectoryLock } from "./directory-lock.js";
import type { FileSystem, StoredFile } from "./file-system.js";

/**
 * Changes nothing any more once one of the locks is another's: what a process that stood still too long had begun
 * must not meet what its successor has made of the files. A sync that ends after that is an error too: it would answer
 * puts that nobody may find again.
 */
export function ownedFileSystem(inner: FileSystem, locks: readonly DirectoryLock[]): FileSystem {
  const check = async () => {
    for (const lock of locks) {
      const looking = lock.check();
      // Nothing to wait for, nearly always.
      if (looking) await looking;
    }
  };
  return {
    async open(path, how) {
      if (how === "read") return inner.open(path, how);
      await check();
      return new OwnedFile(await inner.open(path, how), check);
    },
    async rename(from, to) {
      await check();
      await inner.rename(from, to);
    },
    async remove(path) {
      await check();
      await inner.remove(path);
    },
    list: (directory) => inner.list(directory),
    async makeDirectory(directory) {
      await check();
      await inner.makeDirectory(directory);
    },
    syncDirectory: (directory) => inner.syncDirectory(directory),
    freeBytes: (directory) => inner.freeBytes(directory),
    mountsAbove: (directory) => inner.mountsAbove(directory),
  };
}

class OwnedFile implements StoredFile {
  readonly #inner: StoredFile;
  readonly #check: () => Promise<void>;

  constructor(inner: StoredFile, check: () => Promise<void>) {
    this.#inner = inner;
    this.#check = check;
  }

  async write(data: Buffer, position: number): Promise<void> {
    await this.#check();
    await this.#inner.write(data, position);
  }

  read(into: Buffer, position: number): Promise<number> {
    return this.#inner.read(into, position);
  }

  async sync(): Promise<void> {
    await this.#inner.sync();
    await this.#check();
  }

  async truncate(length: number): Promise<void> {
    await this.#check();
    await this.#inner.truncate(length);
  }

  size(): Promise<number> {
    return this.#inner.size();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
