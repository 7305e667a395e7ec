import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, open, readFile, readlink, realpath, unlink, utimes, writeFile } from "node:fs/promises";
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
/** Milliseconds for which a look at the own lock holds: nobody can have taken it over by then. */
const LOOK_HOLDS = 4000;

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
  /**
   * Asked before each change of the directory: undefined while it is sure that this process owns it, else a look.
   * Rejects with FLUME_FILE_CHANNEL_LOCK_LOST or _LOCK_REMOVED, from then on for ever, when it does not; with the disk's
   * error when that cannot be seen now.
   */
  check(): Promise<void> | undefined;
  release(): Promise<void>;
}

/**
 * Makes this process the only owner of `directory`. The lock of a process that was killed is taken over.
 * `onLost`: it is not this process's any more. That can be when this process, or its machine, stood still for longer than its
 * lock is watched, and when a person has removed the lock. Called once.
 * @throws HeadraceError FLUME_FILE_CHANNEL_IN_USE
 */
export async function lockDirectory(
  directory: string,
  onLost: (error: HeadraceError) => void = () => undefined,
): Promise<DirectoryLock> {
  const place = await realpath(directory);
  if (owned.has(place)) throw inUse(directory, process.pid, hostname());
  owned.add(place);
  try {
    const path = join(directory, LOCK_NAME);
    const mine = await describeThisProcess();
    // What is told of it is true from before it was made.
    const seen = moment();
    while (!(await placed(path, mine))) await removeStale(path, directory, mine);
    return new HeldLock(directory, place, mine, seen, onLost);
  } catch (error) {
    owned.delete(place);
    throw error;
  }
}

/** By two clocks: one may be set, the other stands still while the machine sleeps. */
interface Moment {
  readonly steady: number;
  readonly wall: number;
}

function moment(): Moment {
  return { steady: performance.now(), wall: Date.now() };
}

class HeldLock implements DirectoryLock {
  readonly #directory: string;
  readonly #place: string;
  readonly #path: string;
  readonly #mine: Owner;
  readonly #onLost: (error: HeadraceError) => void;
  readonly #heartbeat: NodeJS.Timeout;
  #seen: Moment;
  #looking: Promise<void> | undefined;
  #lost: HeadraceError | undefined;

  constructor(directory: string, place: string, mine: Owner, seen: Moment, onLost: (error: HeadraceError) => void) {
    this.#directory = directory;
    this.#place = place;
    this.#path = join(directory, LOCK_NAME);
    this.#mine = mine;
    this.#seen = seen;
    this.#onLost = onLost;
    this.#heartbeat = setInterval(() => {
      // Who writes asks again, and is told.
      this.#look().catch(() => undefined);
    }, HEARTBEAT);
    this.#heartbeat.unref();
  }

  check(): Promise<void> | undefined {
    const { steady, wall } = this.#seen;
    if (!this.#lost && performance.now() - steady < LOOK_HOLDS && Math.abs(Date.now() - wall) < LOOK_HOLDS) {
      return undefined;
    }
    return this.#look();
  }

  async release(): Promise<void> {
    clearInterval(this.#heartbeat);
    await this.#looking?.catch(() => undefined);
    const owner = await readOwner(this.#path).catch(() => undefined);
    if (owner?.token === this.#mine.token) await unlink(this.#path).catch(() => undefined);
    owned.delete(this.#place);
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    if (this.#lost) throw this.#lost;
    const seen = moment();
    const owner = await readOwner(this.#path);
    if (owner?.token !== this.#mine.token) {
      this.#lost = owner
        ? new HeadraceError("FLUME_FILE_CHANNEL_LOCK_LOST", {
            directory: this.#directory,
            pid: owner.pid,
            host: owner.host,
          })
        : new HeadraceError("FLUME_FILE_CHANNEL_LOCK_REMOVED", { directory: this.#directory });
      clearInterval(this.#heartbeat);
      this.#onLost(this.#lost);
      throw this.#lost;
    }
    const now = new Date();
    // Where that fails others can change nothing either.
    await utimes(this.#path, now, now).catch(() => undefined);
    this.#seen = seen;
  }
}

/** True when the lock is there now and `owner`'s; false when another's is. */
async function placed(path: string, owner: Owner): Promise<boolean> {
  const draft = `${path}.${owner.token}`;
  await writeFile(draft, JSON.stringify(owner), { mode: FILE_MODE, flush: true });
  try {
    // A link appears with its content or not at all, and never replaces another.
    return await linked(draft, path);
  } finally {
    await unlink(draft).catch(() => undefined);
  }
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
  if (await isAlive(owner, path, mine)) throw inUse(directory, owner.pid, owner.host);
  // One at a time: what another has found stale a moment ago may be a new owner's by now.
  const right = `${path}.removal`;
  if (!(await placed(right, mine))) {
    await removeAbandoned(right, directory, mine);
    return;
  }
  try {
    if ((await readOwner(path))?.token === owner.token) await unlink(path).catch(unlessGone);
  } finally {
    await unlink(right).catch(() => undefined);
  }
}

/** The right to remove a stale lock, whose holder was killed in the moment that it takes; throws when it was not. */
async function removeAbandoned(path: string, directory: string, mine: Owner): Promise<void> {
  const owner = await readOwner(path);
  if (owner === undefined) return;
  if (await isAlive(owner, path, mine)) throw inUse(directory, owner.pid, owner.host);
  await unlink(path).catch(unlessGone);
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

async function isAlive(owner: Owner, path: string, mine: Owner): Promise<boolean> {
  if (owner.host === mine.host && owner.processes === mine.processes) {
    if (owner.boot !== mine.boot || !processExists(owner.pid)) return false;
    const { state, started } = await processStatus(owner.pid);
    return started === owner.started && !ENDED.includes(state);
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

/** Undefined when it is gone. By opening it: network file systems then ask their server, and not what they remember. */
async function modified(path: string): Promise<number | undefined> {
  try {
    const file = await open(path, "r");
    try {
      return (await file.stat()).mtimeMs;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
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
    started: (await processStatus(process.pid)).started,
  };
}

async function processSpace(): Promise<string> {
  return readlink("/proc/self/ns/pid").catch(() => "");
}

/** Of processes that have ended and only wait for their parent to look at them, which may be never: proc(5). */
const ENDED = ["Z", "X", "x"];

async function processStatus(pid: number): Promise<{ state: string; started: string }> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name of the program, in parentheses, may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", started: fields[19] ?? "" };
  } catch {
    return { state: "", started: "" };
  }
}

function inUse(directory: string, pid: number, host: string): HeadraceError {
  return new HeadraceError("FLUME_FILE_CHANNEL_IN_USE", { directory, pid, host });
}
