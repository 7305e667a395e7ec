import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  copyFile,
  link,
  readFile,
  readlink,
  realpath,
  rename,
  stat,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { sleep } from "../../../lib/engine/backoff.js";
import { HeadraceError } from "../../../lib/engine/errors.js";
import { FILE_MODE } from "./file-system.js";

/** As in Flume, so that people know it. */
export const LOCK_NAME = "in_use.lock";
/** Milliseconds between signs of life in the lock file, for those who cannot see the process. */
const HEARTBEAT = 2000;
/** Milliseconds that somebody else's lock is watched for a sign of life. */
const WATCH = 5000;

/** Who owns a directory. A process id alone may have been given to another process since. */
interface Owner {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** Of the system's current run; empty where it cannot be known. */
  readonly boot: string;
  /** Which processes a process id means: containers have their own. */
  readonly processes: string;
  /** When the process started, in the system's own count. */
  readonly started: string;
}

/** Directories that this process owns: its own lock looks alive to it. */
const owned = new Set<string>();

export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Makes this process the only owner of `directory`. The lock of a process that was killed is taken over.
 * @throws HeadraceError FLUME_FILE_CHANNEL_IN_USE
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const place = await realpath(directory);
  if (owned.has(place)) throw inUse(directory, process.pid);
  owned.add(place);
  try {
    return await takeLock(directory, place);
  } catch (error) {
    owned.delete(place);
    throw error;
  }
}

async function takeLock(directory: string, place: string): Promise<DirectoryLock> {
  const path = join(directory, LOCK_NAME);
  const mine = await describeThisProcess();
  const draft = `${path}.${mine.token}`;
  await writeFile(draft, JSON.stringify(mine), { mode: FILE_MODE, flush: true });
  try {
    // A link appears with its content or not at all, and never replaces another.
    while (!(await linked(draft, path))) await removeStale(path, directory, mine);
  } finally {
    await unlink(draft).catch(() => undefined);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, HEARTBEAT);
  heartbeat.unref();
  return {
    async release() {
      clearInterval(heartbeat);
      const owner = await readOwner(path);
      if (owner?.token === mine.token) await unlink(path).catch(() => undefined);
      owned.delete(place);
    },
  };
}

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
  }
  // File systems without links: a copy that replaces nothing is the next best.
  try {
    await copyFile(draft, path, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a lock whose owner is gone; throws when it is not. */
async function removeStale(path: string, directory: string, mine: Owner): Promise<void> {
  const owner = await readOwner(path);
  if (owner === undefined) return;
  if (await isAlive(owner, path, mine)) throw inUse(directory, owner.pid);
  // Only one of several that find it stale can move it.
  const stale = `${path}.stale.${mine.token}`;
  try {
    await rename(path, stale);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = await readOwner(stale);
  if (moved && moved.token !== owner.token) {
    // Somebody else was quicker: this is a new owner's.
    await link(stale, path).catch(() => undefined);
    await unlink(stale);
    throw inUse(directory, moved.pid);
  }
  await unlink(stale);
}

async function isAlive(owner: Owner, path: string, mine: Owner): Promise<boolean> {
  if (owner.host === mine.host && owner.processes === mine.processes) {
    if (owner.boot !== mine.boot) return false;
    return processExists(owner.pid) && (await processStart(owner.pid)) === owner.started;
  }
  // A process of another container or machine cannot be seen from here, but its lock can: whatever the clocks say.
  const before = await modified(path);
  await sleep(WATCH);
  return (await modified(path)) !== before;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function modified(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}

/** Undefined when there is none; an unreadable one belongs to nobody who lives. */
async function readOwner(path: string): Promise<Owner | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return { token: "", pid: 0, host: hostname(), boot: "unreadable", processes: await processSpace(), started: "" };
  }
}

async function describeThisProcess(): Promise<Owner> {
  return {
    token: randomUUID(),
    pid: process.pid,
    host: hostname(),
    boot: await readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
      (id) => id.trim(),
      () => "",
    ),
    processes: await processSpace(),
    started: await processStart(process.pid),
  };
}

async function processSpace(): Promise<string> {
  return readlink("/proc/self/ns/pid").catch(() => "");
}

async function processStart(pid: number): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name of the program, in parentheses, may hold anything; the 20th field behind it is the start.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function inUse(directory: string, pid: number): HeadraceError {
  return new HeadraceError("FLUME_FILE_CHANNEL_IN_USE", { directory, pid });
}
