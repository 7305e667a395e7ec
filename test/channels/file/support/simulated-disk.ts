import { dirname, join } from "node:path";
import type { FileSystem, StoredFile } from "../../../../nodes/channels/file/file-system.js";

/** What a disk writes as one: a power failure leaves each one old or new. */
const SECTOR = 512;

type Change = { readonly offset: number; readonly data: Buffer } | { readonly length: number };

interface Content {
  /** What survives a power failure. */
  durable: Buffer;
  current: Buffer;
  /** In order, since the last sync. */
  changes: Change[];
}

type NameChange =
  | { readonly kind: "add"; readonly path: string; readonly content: Content }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string };

/** A random number from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

export type DiskCall = "open" | "write" | "read" | "sync" | "truncate" | "rename" | "remove" | "syncDirectory";

/**
 * A disk in memory that knows what has been synced. `kill` is the end of the process: nothing written is lost.
 * `losePower` keeps what was synced, and of the rest any part: some writes, some sectors of a write, some names,
 * whatever their order was.
 */
export class SimulatedDisk implements FileSystem {
  #names: Map<string, Content>;
  #durableNames: Map<string, Content>;
  #nameChanges: NameChange[] = [];
  #dead = false;
  /** Calls made so far. */
  calls = 0;
  /** When `calls` comes here, everything stops. */
  #stopAt = Number.POSITIVE_INFINITY;
  #stopped: (() => void) | undefined;
  /** Throws to make a call fail. */
  fault: ((call: DiskCall, path: string) => void) | undefined;
  capacity = Number.POSITIVE_INFINITY;

  constructor(names = new Map<string, Content>()) {
    this.#names = names;
    this.#durableNames = new Map(names);
  }

  /** Resolves when so many more calls have been made; from then on nothing is answered any more. */
  stopAfter(calls: number): Promise<void> {
    this.#stopAt = this.calls + calls;
    return new Promise((resolve) => (this.#stopped = resolve));
  }

  /** The disk as the next process finds it. */
  kill(): SimulatedDisk {
    this.#dead = true;
    const next = new SimulatedDisk(this.#names);
    next.#durableNames = this.#durableNames;
    next.#nameChanges = this.#nameChanges;
    return next;
  }

  /** The disk as the next process finds it after the power was gone. */
  losePower(random: Random): SimulatedDisk {
    this.#dead = true;
    const names = new Map(this.#durableNames);
    for (const change of this.#nameChanges) if (random() < 0.5) applyNameChange(names, change);
    const survived = new Map<Content, Content>();
    for (const [path, content] of names) {
      const known = survived.get(content);
      const after = known ?? afterPowerLoss(content, random);
      survived.set(content, after);
      names.set(path, after);
    }
    return new SimulatedDisk(names);
  }

  /** For damage by hand: the bytes of a file, to be changed in place or replaced. */
  content(path: string): Buffer {
    return this.#content(path).current;
  }

  replace(path: string, bytes: Buffer): void {
    const content = { durable: bytes, current: Buffer.from(bytes), changes: [] };
    this.#names.set(path, content);
    this.#durableNames.set(path, content);
  }

  delete(path: string): void {
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  /** A copy that shares nothing with this one. */
  copy(): SimulatedDisk {
    const names = new Map<string, Content>();
    for (const [path, { current }] of this.#names) {
      names.set(path, { durable: Buffer.from(current), current: Buffer.from(current), changes: [] });
    }
    return new SimulatedDisk(names);
  }

  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  async open(path: string, how: "create" | "change" | "read"): Promise<StoredFile> {
    await this.#call("open", path);
    let content = this.#names.get(path);
    if (how === "create") {
      if (content) {
        content.changes.push({ length: 0 });
        content.current = Buffer.alloc(0);
      } else {
        content = { durable: Buffer.alloc(0), current: Buffer.alloc(0), changes: [] };
        this.#names.set(path, content);
        this.#nameChanges.push({ kind: "add", path, content });
      }
    }
    if (!content) throw failure("ENOENT", path);
    return this.#file(path, content);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call("rename", from);
    this.#content(from);
    const change: NameChange = { kind: "rename", from, to };
    applyNameChange(this.#names, change);
    this.#nameChanges.push(change);
  }

  async remove(path: string): Promise<void> {
    await this.#call("remove", path);
    if (!this.#names.delete(path)) return;
    this.#nameChanges.push({ kind: "remove", path });
  }

  async list(directory: string): Promise<string[]> {
    await this.#call("read", directory);
    return this.paths()
      .filter((path) => dirname(path) === directory)
      .map((path) => path.slice(directory.length + 1));
  }

  async makeDirectory(directory: string): Promise<void> {
    await this.#call("open", directory);
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#call("syncDirectory", directory);
    const inIt = (path: string) => dirname(path) === directory;
    const left: NameChange[] = [];
    for (const change of this.#nameChanges) {
      if (inIt(change.kind === "rename" ? change.to : change.path)) applyNameChange(this.#durableNames, change);
      else left.push(change);
    }
    this.#nameChanges = left;
  }

  async freeBytes(): Promise<number> {
    await this.#call("read", "");
    return this.capacity - this.#used;
  }

  async mountsAbove(): Promise<number> {
    return 0;
  }

  get #used(): number {
    let used = 0;
    for (const { current } of this.#names.values()) used += current.length;
    return used;
  }

  #file(opened: string, content: Content): StoredFile {
    // By its name of now: files are renamed while they are open.
    const pathNow = () => [...this.#names].find(([, other]) => other === content)?.[0] ?? opened;
    return {
      write: async (data, position) => {
        // What is written is what the caller's memory holds now, not later.
        const copy = Buffer.from(data);
        await this.#call("write", pathNow());
        const end = position + copy.length;
        if (end > content.current.length) {
          if (this.#used + end - content.current.length > this.capacity) throw failure("ENOSPC", pathNow());
          content.current = Buffer.concat([content.current, Buffer.alloc(end - content.current.length)]);
        }
        copy.copy(content.current, position);
        content.changes.push({ offset: position, data: copy });
      },
      read: async (into, position) => {
        await this.#call("read", pathNow());
        return content.current.copy(into, 0, position, position + into.length);
      },
      sync: async () => {
        const synced = content.changes.length;
        const current = Buffer.from(content.current);
        await this.#call("sync", pathNow());
        content.durable = current;
        content.changes.splice(0, synced);
      },
      truncate: async (length) => {
        await this.#call("truncate", pathNow());
        content.current = Buffer.from(content.current.subarray(0, length));
        content.changes.push({ length });
      },
      size: async () => {
        await this.#call("read", pathNow());
        return content.current.length;
      },
      close: async () => undefined,
    };
  }

  #content(path: string): Content {
    const content = this.#names.get(path);
    if (!content) throw failure("ENOENT", path);
    return content;
  }

  /** Every call takes a turn of the event loop, as on a real disk; of a disk that is gone none ever ends. */
  async #call(call: DiskCall, path: string): Promise<void> {
    if (++this.calls >= this.#stopAt) {
      this.#dead = true;
      this.#stopped?.();
    }
    await new Promise<void>((resolve) => {
      if (!this.#dead) setImmediate(resolve);
    });
    if (this.#dead) await new Promise<never>(() => undefined);
    this.fault?.(call, path);
  }
}

export function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${path}`), { code });
}

function applyNameChange(names: Map<string, Content>, change: NameChange): void {
  if (change.kind === "add") names.set(change.path, change.content);
  else if (change.kind === "remove") names.delete(change.path);
  else {
    const content = names.get(change.from);
    if (!content) return;
    names.delete(change.from);
    names.set(change.to, content);
  }
}

function afterPowerLoss({ durable, changes }: Content, random: Random): Content {
  let bytes = Buffer.from(durable);
  const any = random();
  for (const change of [...changes].sort(() => random() - 0.5)) {
    if ("length" in change) {
      if (random() < any) bytes = Buffer.from(bytes.subarray(0, change.length));
      continue;
    }
    const { offset, data } = change;
    for (let at = 0; at < data.length; ) {
      const step = Math.min(SECTOR - ((offset + at) % SECTOR), data.length - at);
      if (random() < any) {
        const end = offset + at + step;
        if (end > bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(end - bytes.length)]);
        data.copy(bytes, offset + at, at, at + step);
      }
      at += step;
    }
  }
  return { durable: bytes, current: Buffer.from(bytes), changes: [] };
}

/** A small generator of random numbers that can be started again from its seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Ownership of directories is about processes: on a disk in memory there is nobody else. */
export const lockFreely = () => Promise.resolve({ check: () => undefined, release: () => Promise.resolve() });

export const onDisk = (...names: string[]) => join("/disk", ...names);
