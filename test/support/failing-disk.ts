import { type FileHandle, open } from "node:fs/promises";

type Method = "write" | "datasync" | "truncate" | "appendFile";

export interface FailingDisk {
  /** The next call of `method` on any file fails; a write has then written its first half. */
  failNext(method: Method): void;
  restore(): void;
}

/** Makes files of this process fail: file handles share one prototype, which is changed until `restore()`. */
export async function failingDisk(): Promise<FailingDisk> {
  const some = await open(__filename, "r");
  const files = Object.getPrototypeOf(some) as Record<Method, (...given: unknown[]) => Promise<unknown>>;
  await some.close();
  const { write, datasync, truncate, appendFile } = files;
  const original = { write, datasync, truncate, appendFile };
  const failing: Method[] = [];
  const due = (method: Method) => {
    const at = failing.indexOf(method);
    if (at >= 0) failing.splice(at, 1);
    return at >= 0;
  };
  const full = () => Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });

  files.write = async function (this: FileHandle, ...given) {
    if (!due("write")) return original.write.apply(this, given);
    const [chunk, offset, length, position] = given as [Buffer, number, number, number];
    await original.write.call(this, chunk, offset, Math.floor(length / 2), position);
    throw full();
  };
  for (const method of ["datasync", "truncate", "appendFile"] as const) {
    files[method] = async function (this: FileHandle, ...given) {
      if (due(method)) throw full();
      return original[method].apply(this, given);
    };
  }
  return {
    failNext: (method) => void failing.push(method),
    restore: () => void Object.assign(files, original),
  };
}
