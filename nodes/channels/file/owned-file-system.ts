import type { DirectoryLock } from "./directory-lock.js";
import type { FileSystem, StoredFile } from "./file-system.js";

/**
 * Changes nothing any more once one of the locks is another's: what a process that stood still too long had begun
 * must not meet what its successor has made of the files. A sync that ends after that is an error too: it would answer
 * puts that nobody may find again.
 */
export function ownedFileSystem(inner: FileSystem, locks: readonly DirectoryLock[]): FileSystem {
  const check = (): Promise<void> | undefined => {
    const looks = locks.flatMap((lock) => lock.check() ?? []);
    return looks.length > 0 ? Promise.all(looks).then(() => undefined) : undefined;
  };
  const checked = <T>(work: () => Promise<T>): Promise<T> => check()?.then(work) ?? work();
  return {
    open: (path, how) =>
      how === "read"
        ? inner.open(path, how)
        : checked(async () => new OwnedFile(await inner.open(path, how), check, checked)),
    rename: (from, to) => checked(() => inner.rename(from, to)),
    remove: (path) => checked(() => inner.remove(path)),
    list: (directory) => inner.list(directory),
    makeDirectory: (directory) => checked(() => inner.makeDirectory(directory)),
    syncDirectory: (directory) => inner.syncDirectory(directory),
    freeBytes: (directory) => inner.freeBytes(directory),
    mountsAbove: (directory) => inner.mountsAbove(directory),
  };
}

/** Nearly always there is nothing to look at, and then a write takes no detour: every put waits for one. */
class OwnedFile implements StoredFile {
  readonly #inner: StoredFile;
  readonly #check: () => Promise<void> | undefined;
  readonly #checked: <T>(work: () => Promise<T>) => Promise<T>;

  constructor(
    inner: StoredFile,
    check: () => Promise<void> | undefined,
    checked: <T>(work: () => Promise<T>) => Promise<T>,
  ) {
    this.#inner = inner;
    this.#check = check;
    this.#checked = checked;
  }

  write(data: Buffer, position: number): Promise<void> {
    return this.#checked(() => this.#inner.write(data, position));
  }

  read(into: Buffer, position: number): Promise<number> {
    return this.#inner.read(into, position);
  }

  sync(): Promise<void> {
    return this.#inner.sync().then(() => this.#check());
  }

  truncate(length: number): Promise<void> {
    return this.#checked(() => this.#inner.truncate(length));
  }

  size(): Promise<number> {
    return this.#inner.size();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
