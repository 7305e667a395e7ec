import type { EventBatch } from "../../../lib/engine/batch.js";
import { DeliveryError, type HeadraceError } from "../../../lib/engine/errors.js";
import { TAG_BYTES } from "./encryption.js";
import type { Entry } from "./entry-queue.js";
import { type EncodedPlan, planEvents, writeEvents } from "./event-codec.js";
import type { AtFailpoint } from "./failpoints.js";
import { mergeRanges, type Range, rangesLength, type SettledEvents, writeRanges } from "./ranges.js";
import { HEADER_BYTES, RECORD_PUT, RECORD_TAKE, writeRecordHeader } from "./record.js";
import { DATA_START, type RecordPlace, type Segment } from "./segment.js";
import { asStoreError, type SegmentStore } from "./segment-store.js";

/** Records that are written together; a larger one is written alone. */
const GROUP_BYTES = 2 * 1024 * 1024;
/** Puts do not wait for a sync longer than it takes to write this much before it. */
const SYNC_AFTER_BYTES = 8 * 1024 * 1024;
/** Milliseconds that a committed take may be lost by a power failure. */
const TAKE_SYNC_WITHIN = 50;
/** Milliseconds between attempts to write takes that could not be. */
const RETRY_AFTER = 1000;

export interface PutRequest {
  /** Number of the first event. */
  readonly first: number;
  readonly batch: EventBatch;
  /** The events are on the disk. Called in the same breath as the log's position moves. */
  done(entry: Entry): void;
  failed(error: DeliveryError): void;
}

export interface TakeRequest {
  readonly ranges: readonly Range[];
  /** The take is written; or could not be, and is kept in memory until it can. */
  done(): void;
}

export interface WriterSettings {
  readonly store: SegmentStore;
  readonly settled: SettledEvents;
  readonly directories: readonly string[];
  /** Milliseconds between syncs; 0: every put waits for one. */
  readonly syncInterval: number;
  readonly at: AtFailpoint;
  /** Trouble with the disk; with nothing when it is over. */
  report(error?: HeadraceError): void;
}

interface PlannedPut extends PutRequest {
  plan: EncodedPlan | undefined;
}

/** How far the log is written: what a sync that begins now makes safe. */
interface Position {
  readonly tail: number;
  readonly last: RecordPlace | undefined;
  /** As told by the last take record. */
  readonly watermark: number;
}

interface Group {
  readonly data: Buffer;
  readonly written: Written[];
  readonly position: Position;
}

interface Written {
  readonly request: PutRequest;
  readonly entry: Entry;
}

/**
 * Appends transactions to the log. Whatever waits when the writer is free is written by one call and made safe
 * by one sync (group commit). Takes do not wait for the sync of puts, but for its write.
 *
 * After a failed write or sync the segment is left at its last good position for ever: the kernel may have
 * dropped what it could not write and report success next time. Puts in the lost part are rejected, takes in it
 * are written again to the next segment.
 */
export class LogWriter {
  readonly #settings: WriterSettings;
  readonly #puts: PlannedPut[] = [];
  readonly #takes: TakeRequest[] = [];
  /** Written, to be answered by the sync that follows. */
  #written: Written[] = [];
  /** Takes and rejected puts that no trusted part of the log tells of. */
  #owed: Range[] = [];
  /** Takes written since the last sync. */
  #unsynced: Range[] = [];
  #unsyncedBytes = 0;
  #complete: Position = { tail: DATA_START, last: undefined, watermark: 0 };
  #group = Buffer.allocUnsafeSlow(256 * 1024);
  #scheduled = false;
  #writing = false;
  #syncing: Promise<void> | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #troubled = false;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(settings: WriterSettings) {
    this.#settings = settings;
  }

  put(request: PutRequest): void {
    if (this.#closed) {
      request.failed(new DeliveryError("FLUME_STOPPED"));
      return;
    }
    this.#puts.push({ ...request, plan: undefined });
    this.#schedule();
  }

  take(request: TakeRequest): void {
    this.#takes.push(request);
    this.#schedule();
  }

  /** Writes and syncs all there is, then takes no more puts. Takes that cannot be written are given up after one attempt. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    clearTimeout(this.#syncTimer);
    clearTimeout(this.#retryTimer);
  }

  /** Resolves when everything handed over so far is synced, or has failed. */
  async flush(): Promise<void> {
    clearTimeout(this.#syncTimer);
    this.#syncTimer = undefined;
    while (this.#puts.length + this.#takes.length > 0 || this.#writing || this.#scheduled || this.#syncing) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    if (this.#unsyncedBytes > 0) await this.#sync();
  }

  /** Moves on to a new segment. */
  async roll(): Promise<void> {
    await this.flush();
    this.#writing = true;
    try {
      await this.#settings.store.roll(0);
    } finally {
      this.#writing = false;
      this.#schedule();
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing) return;
    if (this.#syncing && this.#takes.length > 0) {
      // Puts wait for the sync anyway: takes need not wait for their company.
      void this.#work();
      return;
    }
    this.#scheduled = true;
    // Those who were answered together come back within this turn, and share the next write.
    setImmediate(() => {
      this.#scheduled = false;
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    while (this.#takes.length > 0 || (this.#puts.length > 0 && this.#putsMayBeWritten)) await this.#writeGroup();
    this.#writing = false;
    if (this.#unsyncedBytes > 0 && !this.#syncing) this.#planSync();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Puts that come during a sync wait for its end and go together: fewer, larger syncs. */
  get #putsMayBeWritten(): boolean {
    return !this.#syncing && this.#unsyncedBytes < SYNC_AFTER_BYTES;
  }

  #planSync(): void {
    const { syncInterval } = this.#settings;
    if (this.#written.length > 0 || this.#unsyncedBytes >= SYNC_AFTER_BYTES) {
      void this.#sync();
      return;
    }
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      if (this.#unsyncedBytes > 0 && !this.#syncing) void this.#sync();
    }, syncInterval || TAKE_SYNC_WITHIN);
  }

  async #writeGroup(): Promise<void> {
    const takes = this.#takes.splice(0);
    for (const { ranges } of takes) for (const { from, to } of ranges) this.#settings.settled.add(from, to);
    this.#owed = this.#owed.concat(takes.flatMap(({ ranges }) => ranges));
    if (this.#putsMayBeWritten) this.#refusePuts();
    let ranges: Range[];
    let takeBytes: number;
    let segment: Segment | undefined;
    let owed: number;
    do {
      // Kept merged: while the disk fails for hours, each take adds to them.
      this.#owed = ranges = mergeRanges(this.#owed);
      owed = ranges.length;
      takeBytes = ranges.length > 0 ? HEADER_BYTES + rangesLength(ranges) : 0;
      const first = this.#putsMayBeWritten ? this.#puts[0] : undefined;
      segment = await this.#segmentFor(takeBytes, first ? this.#sizeOf(first) : 0);
      // A sync that failed meanwhile adds to what is owed.
    } while (this.#owed.length !== owed);
    if (!segment) {
      for (const take of takes) take.done();
      this.#retryLater();
      return;
    }
    const group = this.#encode(segment, ranges, takeBytes);
    const before = this.#owed;
    this.#owed = [];
    try {
      await (segment.file as NonNullable<Segment["file"]>).write(group.data, segment.tail - group.data.length);
    } catch (error) {
      this.#owed = before.concat(this.#owed);
      this.#written.push(...group.written);
      this.#lose(segment, error);
      for (const take of takes) take.done();
      return;
    }
    if (segment.suspect) {
      // A sync failed meanwhile.
      this.#owed = before.concat(this.#owed);
      this.#written.push(...group.written);
      this.#lose(segment, undefined);
      for (const take of takes) take.done();
      return;
    }
    this.#complete = group.position;
    for (const range of before) this.#unsynced.push(range);
    this.#unsyncedBytes += group.data.length;
    if (group.written.length > 0) this.#settings.at("put-written");
    if (takes.length > 0) this.#settings.at("take-written");
    for (const take of takes) take.done();
    if (this.#settings.syncInterval > 0) for (const { request, entry } of group.written) request.done(entry);
    else this.#written.push(...group.written);
  }

  /** With no segment to follow, what is left of the active one is for takes: they free space, puts use it up. */
  #refusePuts(): void {
    const problem = this.#puts.length > 0 ? this.#settings.store.problem : undefined;
    if (!problem) return;
    for (const put of this.#puts.splice(0)) this.#reject(put, problem);
    this.#settings.report(problem);
    this.#troubled = true;
  }

  #reject(put: PutRequest, problem: HeadraceError, outcome: "none" | "unknown" = "none"): void {
    const { code, parameters } = problem;
    this.#settings.settled.add(put.first, put.first + put.batch.length);
    put.failed(new DeliveryError(code, { outcome, parameters, cause: problem }));
  }

  #sizeOf(put: PlannedPut): number {
    put.plan ??= planEvents(put.batch);
    return HEADER_BYTES + put.plan.length + TAG_BYTES;
  }

  /** Where to write; undefined when there is nowhere (waiting puts are then rejected). */
  async #segmentFor(takeBytes: number, putBytes: number): Promise<Segment | undefined> {
    const { store, directories } = this.#settings;
    const { active } = store;
    if (!active.suspect && active.room >= takeBytes + putBytes) return active;
    try {
      if (this.#syncing) await this.#syncing;
      if (!active.suspect && this.#unsyncedBytes > 0) await this.#sync();
      await store.roll(takeBytes + putBytes);
      return store.active;
    } catch (error) {
      const problem = asStoreError(error, directories);
      for (const put of this.#puts.splice(0)) this.#reject(put, problem);
      this.#settings.report(problem);
      this.#troubled = true;
      return !active.suspect && active.room >= takeBytes && takeBytes > 0 ? active : undefined;
    }
  }

  /** One take record for all takes, then as many waiting puts as fit. Moves the segment's tail. */
  #encode(segment: Segment, ranges: readonly Range[], takeBytes: number): Group {
    const written: Written[] = [];
    const start = segment.tail;
    const { watermark } = this.#settings.settled;
    let last: RecordPlace | undefined;
    let end = takeBytes;
    const puts: PlannedPut[] = [];
    while (this.#putsMayBeWritten) {
      const put = this.#puts[0];
      if (!put) break;
      const size = this.#sizeOf(put);
      if (end + size > segment.room || (puts.length > 0 && end + size > GROUP_BYTES)) break;
      puts.push(put);
      this.#puts.shift();
      end += size;
    }
    const into = this.#memory(end);
    let at = 0;
    if (takeBytes > 0) {
      writeRanges(into, HEADER_BYTES, ranges);
      writeRecordHeader(into, 0, segment.header.marker, start, {
        type: RECORD_TAKE,
        payloadLength: takeBytes - HEADER_BYTES,
        first: watermark,
        count: ranges.length,
        eventBytes: 0,
        headersLength: 0,
      });
      last = { offset: start, checksum: into.readUInt32LE(8) };
      at = takeBytes;
    }
    for (const put of puts) {
      const { plan, first, batch } = put as PlannedPut & { plan: EncodedPlan };
      const offset = start + at;
      const payload = at + HEADER_BYTES;
      let payloadEnd = writeEvents(into, payload, plan);
      if (segment.cipher) payloadEnd = segment.cipher.seal(into, payload, payloadEnd, offset);
      writeRecordHeader(into, at, segment.header.marker, offset, {
        type: RECORD_PUT,
        payloadLength: payloadEnd - payload,
        first,
        count: batch.length,
        eventBytes: plan.eventBytes,
        headersLength: plan.headersLength,
      });
      last = { offset, checksum: into.readUInt32LE(at + 8) };
      segment.endEvent = Math.max(segment.endEvent, first + batch.length);
      const entry = { first, count: batch.length, skip: 0, segment: segment.id, offset, length: payloadEnd - at };
      written.push({ request: put, entry });
      at = payloadEnd;
    }
    segment.tail = start + at;
    const told = takeBytes > 0 ? watermark : this.#complete.watermark;
    return { data: into.subarray(0, at), written, position: { tail: segment.tail, last, watermark: told } };
  }

  #memory(bytes: number): Buffer {
    if (bytes > GROUP_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (bytes > this.#group.length) this.#group = Buffer.allocUnsafeSlow(Math.min(bytes * 2, GROUP_BYTES));
    return this.#group;
  }

  #sync(): Promise<void> {
    const syncing = this.#syncNow().finally(() => {
      if (this.#syncing === syncing) this.#syncing = undefined;
      if (this.#puts.length + this.#takes.length > 0) this.#schedule();
      if (this.#unsyncedBytes > 0 && !this.#writing) this.#planSync();
      for (const resolve of this.#idle.splice(0)) resolve();
    });
    this.#syncing = syncing;
    return syncing;
  }

  async #syncNow(): Promise<void> {
    const { store, at } = this.#settings;
    const segment = store.active;
    const { tail, last, watermark } = this.#complete;
    const written = this.#written;
    const ranges = this.#unsynced;
    this.#written = [];
    this.#unsynced = [];
    this.#unsyncedBytes = 0;
    try {
      await (segment.file as NonNullable<Segment["file"]>).sync();
    } catch (error) {
      this.#written = written.concat(this.#written);
      this.#unsynced = ranges.concat(this.#unsynced);
      this.#lose(segment, error);
      return;
    }
    segment.published = tail;
    segment.last = last;
    if (written.length > 0) at("put-synced");
    if (ranges.length > 0) at("take-synced");
    for (const { request, entry } of written) request.done(entry);
    if (ranges.length > 0) store.drop(watermark);
    if (this.#troubled && written.length > 0) {
      this.#troubled = false;
      this.#settings.report();
    }
  }

  /** Nothing that `segment` holds beyond its last sync counts any more. */
  #lose(segment: Segment, error: unknown): void {
    segment.suspect = true;
    const problem = asStoreError(error ?? new Error("an earlier write failed"), this.#settings.directories);
    const rejected = this.#written.splice(0);
    this.#owed = this.#owed.concat(this.#unsynced.splice(0));
    this.#unsyncedBytes = 0;
    for (const { request } of rejected) {
      // It may be on the disk after all: the next segment says that it does not count.
      this.#owed.push({ from: request.first, to: request.first + request.batch.length });
      this.#reject(request, problem, "unknown");
    }
    this.#troubled = true;
    this.#settings.report(problem);
    this.#retryLater();
  }

  /** Takes that are only in memory are written as soon as there is somewhere to write. */
  #retryLater(): void {
    if (this.#owed.length === 0 || this.#closed) return;
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      if (this.#owed.length > 0) this.take({ ranges: [], done: () => undefined });
    }, RETRY_AFTER);
  }
}
