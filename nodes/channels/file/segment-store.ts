import { join } from "node:path";
import { HeadraceError, isHeadraceError, reasonOf } from "../../../lib/engine/errors.js";
import type { KeyRing } from "./encryption.js";
import type { AtFailpoint } from "./failpoints.js";
import type { FileSystem } from "./file-system.js";
import { DATA_START, encodeSegmentHeader, newSegmentHeader, Segment, spareName } from "./segment.js";

/** A quiet channel costs two files of this size; each roll doubles the next one. */
const FIRST_SIZE = 4 * 1024 * 1024;
/** Longer ones gain nothing and come free later. */
export const LARGEST_SIZE = 64 * 1024 * 1024;
/** A segment for takes only, when there is no room for more. */
const EMERGENCY_SIZE = 128 * 1024;
/** Files are zeroed in steps, so that other work gets its turn on the disk. */
const ZEROS = Buffer.alloc(1024 * 1024);
const SYNC_ZEROS_EVERY = 4 * 1024 * 1024;
/** Milliseconds until a segment that could not be made is tried again. */
const RETRY_AFTER = 1000;
/** Drained files kept to be written again: overwriting is twice as fast as growing. */
const MOST_SPARES = 2;

export interface SpareFile {
  readonly directory: string;
  readonly name: string;
  readonly size: number;
}

export interface StoreSettings {
  readonly fileSystem: FileSystem;
  /** Segments go to them in turn. */
  readonly directories: readonly string[];
  readonly largestSegment: number;
  /** Bytes that must stay free on each disk. */
  readonly minimumFree: number;
  readonly keys: KeyRing | undefined;
  readonly at: AtFailpoint;
  /** What the header of a segment that is made now says. */
  state(): { watermark: number; nextEvent: number };
}

/** The files of a log: the one that is written, the next one made ready ahead of need, those that still hold events. */
export class SegmentStore {
  readonly #settings: StoreSettings;
  readonly #spares: SpareFile[];
  readonly #unwanted: SpareFile[];
  /** Oldest first; the active one is not among them. */
  readonly sealed: Segment[];
  #active: Segment | undefined;
  #next: Promise<Segment> | undefined;
  #problem: HeadraceError | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #size: number;
  #lastId: number;
  #dropping: Promise<void> = Promise.resolve();

  constructor(settings: StoreSettings, recovered: { segments: Segment[]; spares: SpareFile[]; lastId: number }) {
    this.#settings = settings;
    this.sealed = recovered.segments;
    const wanted = ({ directory }: SpareFile) => settings.directories.includes(directory);
    this.#spares = recovered.spares.filter(wanted);
    this.#unwanted = recovered.spares.filter((spare) => !wanted(spare));
    this.#lastId = recovered.lastId;
    this.#size = Math.min(FIRST_SIZE, settings.largestSegment);
  }

  get active(): Segment {
    if (!this.#active) throw new Error("The log has not been opened.");
    return this.#active;
  }

  /** Why no segment is ready to follow the active one; the rest of that is then kept for takes. */
  get problem(): HeadraceError | undefined {
    return this.#problem;
  }

  /** Even on a disk that is full: what is held must get out, and for that takes must be written down. */
  async open(): Promise<void> {
    this.#active = await this.#make(0).catch(() => this.#make(0, EMERGENCY_SIZE));
    this.#prepareAhead();
    // Where nothing is put any more nothing is kept ready: a directory is left once it is empty.
    for (const { directory, name } of this.#unwanted.splice(0)) {
      await this.#settings.fileSystem.remove(join(directory, name)).catch(() => undefined);
    }
  }

  /** A new active segment with room for a record of `bytes`. The old one must have been synced, or be suspect. */
  async roll(bytes: number): Promise<void> {
    let next = await (this.#next ?? this.#prepare(bytes));
    this.#next = undefined;
    if (next.room < bytes) {
      await this.#discard(next);
      next = await this.#prepare(bytes);
      this.#next = undefined;
    }
    const { active } = this;
    this.sealed.push(active);
    this.#active = next;
    this.#size = Math.min(this.#size * 2, this.#settings.largestSegment);
    this.#settings.at("segment-rolled");
    await closeFile(active);
    this.#prepareAhead();
  }

  /** Lets go of the oldest segments all of whose events are below `watermark`, which must be on the disk. */
  drop(watermark: number): void {
    const drained: Segment[] = [];
    while (this.sealed[0] && this.sealed[0].endEvent <= watermark) drained.push(this.sealed.shift() as Segment);
    if (drained.length === 0) return;
    this.#dropping = this.#dropping.then(async () => {
      for (const segment of drained) await this.#recycle(segment);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const next = await this.#next?.catch(() => undefined);
    await this.#dropping;
    await closeFile(next);
    await closeFile(this.#active);
    this.#active = undefined;
  }

  #prepareAhead(): void {
    // Told of as `problem`.
    if (!this.#next && !this.#closed) this.#prepare(0).catch(() => undefined);
  }

  #prepare(bytes: number): Promise<Segment> {
    const making = this.#make(bytes);
    this.#next = making;
    making.then(
      () => {
        this.#problem = undefined;
      },
      (error: unknown) => {
        this.#problem = asStoreError(error, this.#settings.directories);
        if (this.#next === making) this.#next = undefined;
        clearTimeout(this.#retry);
        if (!this.#closed) this.#retry = setTimeout(() => this.#prepareAhead(), RETRY_AFTER);
      },
    );
    return making;
  }

  /** A file of zeros or old records gets a header of its own, and only then a segment's name. */
  async #make(bytes: number, emergency?: number): Promise<Segment> {
    const { fileSystem, keys, at, state } = this.#settings;
    const id = ++this.#lastId;
    const least = Math.max(Math.min(FIRST_SIZE, this.#size), DATA_START + bytes);
    const size = Math.max(this.#size, least);
    const spare =
      this.#takeSpare(emergency ?? least) ??
      (emergency
        ? await this.#zeroed(id, this.#settings.directories[0] as string, emergency)
        : await this.#zeroedWithRoom(id, size, least));
    const header = newSegmentHeader({ id, ...state() }, keys);
    const segment = new Segment(spare.directory, header, spare.size, keys);
    const file = await fileSystem.open(join(spare.directory, spare.name), "change");
    try {
      await file.write(encodeSegmentHeader(header), 0);
      await file.sync();
      at("segment-headed");
      await fileSystem.rename(join(spare.directory, spare.name), segment.path);
      await fileSystem.syncDirectory(spare.directory);
    } catch (error) {
      await file.close().catch(() => undefined);
      await fileSystem.remove(join(spare.directory, spare.name)).catch(() => undefined);
      await fileSystem.remove(segment.path).catch(() => undefined);
      throw error;
    }
    at("segment-named");
    segment.file = file;
    return segment;
  }

  #takeSpare(size: number): SpareFile | undefined {
    const found = this.#spares.findIndex((spare) => spare.size >= size);
    return found >= 0 ? this.#spares.splice(found, 1)[0] : undefined;
  }

  async #zeroedWithRoom(id: number, wanted: number, least: number): Promise<SpareFile> {
    const { directory, size } = await this.#findRoom(id, wanted, least);
    return this.#zeroed(id, directory, size);
  }

  async #zeroed(id: number, directory: string, size: number): Promise<SpareFile> {
    const { fileSystem, at } = this.#settings;
    const name = spareName(id);
    const path = join(directory, name);
    const file = await fileSystem.open(path, "create");
    try {
      let unsynced = 0;
      for (let done = 0; done < size; ) {
        const step = Math.min(ZEROS.length, size - done);
        await file.write(step === ZEROS.length ? ZEROS : ZEROS.subarray(0, step), done);
        done += step;
        unsynced += step;
        if (unsynced >= SYNC_ZEROS_EVERY || done === size) {
          await file.sync();
          unsynced = 0;
        }
      }
    } catch (error) {
      await file.close().catch(() => undefined);
      await fileSystem.remove(path).catch(() => undefined);
      throw error;
    }
    await file.close();
    at("segment-zeroed");
    return { directory, name, size };
  }

  /** The next directory in turn that has room; a smaller file where there is little. */
  async #findRoom(id: number, wanted: number, least: number): Promise<{ directory: string; size: number }> {
    const { fileSystem, directories, minimumFree } = this.#settings;
    let most = 0;
    let roomiest = directories[0] as string;
    for (let i = 0; i < directories.length; i++) {
      const directory = directories[(id + i) % directories.length] as string;
      const free = await fileSystem.freeBytes(directory);
      if (free - wanted >= minimumFree) return { directory, size: wanted };
      if (free > most) {
        most = free;
        roomiest = directory;
      }
    }
    if (most - least >= minimumFree) return { directory: roomiest, size: least };
    throw noSpace(directories, most, minimumFree + least);
  }

  async #recycle(segment: Segment): Promise<void> {
    const { fileSystem, at } = this.#settings;
    const keep =
      this.#spares.length < MOST_SPARES &&
      segment.size >= Math.min(FIRST_SIZE, this.#size) &&
      this.#settings.directories.includes(segment.directory);
    try {
      if (keep) {
        const name = spareName(segment.id);
        await fileSystem.rename(segment.path, join(segment.directory, name));
        this.#spares.push({ directory: segment.directory, name, size: segment.size });
      } else await fileSystem.remove(segment.path);
      at("segment-dropped");
      if (this.#problem) this.#prepareAhead();
    } catch {
      // It holds nothing any more: the next opening finds it again.
    }
  }

  async #discard(segment: Segment): Promise<void> {
    await closeFile(segment);
    await this.#settings.fileSystem.remove(segment.path);
  }
}

/** A close that fails loses nothing: what matters was synced. */
async function closeFile(segment: Segment | undefined): Promise<void> {
  const file = segment?.file;
  if (segment) segment.file = undefined;
  await file?.close().catch(() => undefined);
}

export function noSpace(directories: readonly string[], free: number, required: number): HeadraceError {
  return new HeadraceError("FLUME_FILE_CHANNEL_NO_SPACE", { directory: directories.join(", "), free, required });
}

/** What a person can make of a disk's error. */
export function asStoreError(error: unknown, directories: readonly string[]): HeadraceError {
  if (isHeadraceError(error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") {
    return new HeadraceError("FLUME_FILE_CHANNEL_DISK_FULL", { directory: directories.join(", ") }, error);
  }
  return new HeadraceError(
    "FLUME_FILE_CHANNEL_WRITE_FAILED",
    { directory: directories.join(", "), reason: reasonOf(error) },
    error,
  );
}
