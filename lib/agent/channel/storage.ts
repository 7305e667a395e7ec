import { readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type DirectoryLock, lockDirectory } from "../../../nodes/channels/file/directory-lock.js";
import { missingFrom } from "../../../nodes/channels/file/directory-set.js";
import type { KeyRing } from "../../../nodes/channels/file/encryption.js";
import { loadKeys } from "../../../nodes/channels/file/encryption-keys.js";
import { noFailpoint } from "../../../nodes/channels/file/failpoints.js";
import { type FileSystem, realFileSystem } from "../../../nodes/channels/file/file-system.js";
import { ownedFileSystem } from "../../../nodes/channels/file/owned-file-system.js";
import { isSpareName, segmentId } from "../../../nodes/channels/file/segment.js";
import { type Recovered, recover, type RecoverySettings } from "../../../nodes/channels/file/recovery.js";
import { HeadraceError, isHeadraceError, reasonOf } from "../../engine/errors.js";

/** Where a channel keeps what it holds. */
export interface Storage {
  readonly directories: readonly string[];
  readonly checkpointDirectory: string;
  readonly keys: KeyRing | undefined;
  /** Data directories of the same channel that are not among them. */
  readonly missing: readonly string[];
}

/** `given`: the folder of a channel, with `data` and `checkpoint` in it, or its data directories. */
export async function findStorage(
  given: readonly string[],
  checkpoint: string | undefined,
  keyFile: string | undefined,
): Promise<Storage> {
  const directories: string[] = [];
  for (const directory of given) {
    const path = resolve(directory);
    if (!(await isDirectory(path))) throw new HeadraceError("FLUME_FILE_CHANNEL_NONE", { directory: path });
    const data = join(path, "data");
    directories.push((await isDirectory(data)) ? data : path);
  }
  await checkForChannel(directories);
  const beside = join(dirname(directories[0] as string), "checkpoint");
  const checkpointDirectory = checkpoint === undefined ? beside : resolve(checkpoint);
  return {
    directories,
    checkpointDirectory,
    keys: keyFile === undefined ? undefined : await loadKeys({ active: "", secret: "", file: keyFile }),
    missing: await missingFrom(realFileSystem, directories, checkpointDirectory),
  };
}

/** A folder without a channel is no empty channel: somebody has mistyped a name, and must not get a new log there. */
async function checkForChannel(directories: readonly string[]): Promise<void> {
  const names = (await Promise.all(directories.map((directory) => readdir(directory)))).flat();
  if (names.some((name) => segmentId(name) !== undefined || isSpareName(name))) return;
  throw new HeadraceError("FLUME_FILE_CHANNEL_NONE", { directory: directories.join(", ") });
}

/** Runs `work` while no channel can open the directories; it gets a file system that changes nothing once one has. */
export async function owned<T>(
  storage: Storage,
  how: "read" | "change",
  work: (fileSystem: FileSystem) => Promise<T>,
): Promise<T> {
  const locks: DirectoryLock[] = [];
  try {
    for (const directory of storage.directories) {
      const lock = await own(directory, how);
      if (lock) locks.push(lock);
    }
    return await work(ownedFileSystem(realFileSystem, locks));
  } finally {
    for (const lock of locks) await lock.release();
  }
}

/** Undefined where somebody looks at a copy on a disk on which nobody can change anything. */
async function own(directory: string, how: "read" | "change"): Promise<DirectoryLock | undefined> {
  try {
    return await lockDirectory(directory);
  } catch (error) {
    if (isHeadraceError(error)) throw error;
    if (how === "read" && (error as NodeJS.ErrnoException).code === "EROFS") return undefined;
    throw new HeadraceError("FLUME_DIRECTORY_UNUSABLE", { directory, reason: reasonOf(error) }, error);
  }
}

/** What the log holds; changes nothing. Without the checkpoint everything is read, so all damage is found. */
export function readStorage(
  { directories, checkpointDirectory, keys }: Storage,
  how: Pick<RecoverySettings, "onRecord"> & { withCheckpoint: boolean },
): Promise<Recovered> {
  return recover({
    fileSystem: realFileSystem,
    directories,
    checkpointDirectories: how.withCheckpoint ? [checkpointDirectory] : [],
    keys,
    at: noFailpoint,
    readOnly: true,
    ...(how.onRecord ? { onRecord: how.onRecord } : {}),
  });
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
