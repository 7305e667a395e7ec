import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onLeftover } from "./cleanup.js";

export interface TempDir {
  readonly path: string;
  /** Path of a file or folder in it. */
  file(...names: string[]): string;
  remove(): Promise<void>;
}

/** A new empty folder under the system's temporary one. */
export async function tempDir(): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), "headrace-"));
  // A program that is only just ending may still write into it.
  const deleteAll = () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  const forget = onLeftover(`temporary folder ${path}`, deleteAll);
  return {
    path,
    file: (...names) => join(path, ...names),
    async remove() {
      await deleteAll();
      forget();
    },
  };
}

/** For use inside describe(): an empty folder for each test, deleted after it. */
export function useTempDir(): () => TempDir {
  let current: TempDir | undefined;
  beforeEach(async () => {
    current = await tempDir();
  });
  afterEach(async () => {
    await current?.remove();
    current = undefined;
  });
  return () => {
    if (!current) throw new Error("The temporary folder exists only while a test runs");
    return current;
  };
}
