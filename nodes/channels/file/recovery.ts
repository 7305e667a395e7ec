import { join } from "node:path";
import { HeadraceError } from "../../../lib/engine/errors.js";
import { nextLoopTurn, turnIsOver } from "../../../lib/engine/turn.js";
import { type Checkpoint, type KnownSegment, loadCheckpoint } from "./checkpoint.js";
import { cipherFor, type KeyRing } from "./encryption.js";
import { EntryQueue } from "./entry-queue.js";
import type { AtFailpoint } from "./failpoints.js";
import type { FileSystem, StoredFile } from "./file-system.js";
import { readRanges, SettledEvents } from "./ranges.js";
import { HEADER_BYTES, readRecordHeader, RECORD_PUT } from "./record.js";
import { DATA_START, decodeSegmentHeader, isSpareName, Segment, segmentId, segmentName, spareName } from "./segment.js";
import { type DamagedPart, type FoundRecord, scanSegment } from "./segment-scan.js";
import type { SpareFile } from "./segment-store.js";
import { setAside, setAsideFile } from "./set-aside.js";

export interface RecoverySettings {
  readonly fileSystem: FileSystem;
  readonly directories: readonly string[];
  /** Where checkpoints are looked for, best first. */
  readonly checkpointDirectories: readonly string[];
  readonly keys: KeyRing | undefined;
  readonly at: AtFailpoint;
  /** Changes nothing: for looking at a directory. */
  readonly readOnly?: boolean;
  /** For tests of the tests only. */
  readonly trusting?: boolean;
  /** Every record found, when somebody wants to see them. */
  onRecord?(segment: Segment, record: FoundRecord): void;
}

/** Bytes that could not be read as what was written, and what that costs. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  /** Events that are gone; undefined when nothing tells how many. */
  readonly events: number | undefined;
  /** A write that was never finished, unless somebody cut the file. */
  readonly torn: boolean;
  /** Where the bytes are kept now. */
  readonly keptIn: string | undefined;
}

export interface Recovered {
  readonly segments: Segment[];
  readonly spares: SpareFile[];
  readonly lastId: number;
  /** What was put and not taken. */
  readonly entries: EntryQueue;
  readonly settled: SettledEvents;
  readonly nextEvent: number;
  readonly damage: readonly Damage[];
  readonly fromCheckpoint: boolean;
  readonly transactions: number;
}

interface FoundSegment {
  readonly segment: Segment;
  readonly known: KnownSegment | undefined;
}

/**
 * What a log holds: all that was put, less all that was taken. Both only ever grow, so it does not matter
 * that a checkpoint and the records behind it tell some of it twice, or how old the checkpoint is.
 */
export async function recover(settings: RecoverySettings): Promise<Recovered> {
  const damage: Damage[] = [];
  const files = await findFiles(settings, damage);
  const checkpoint = await usableCheckpoint(settings, files.segments);
  const puts = new EntryQueue();
  const settled = new SettledEvents(checkpoint?.watermark ?? 0);
  let nextEvent = checkpoint?.nextEvent ?? 0;
  let transactions = 0;
  for (const { from, to } of checkpoint?.settled ?? []) settled.add(from, to);

  const found: FoundSegment[] = files.segments.map((segment) => ({
    segment,
    known: checkpoint?.segments.find((known) => known.id === segment.id && known.marker === markerText(segment)),
  }));
  const missing = checkpoint ? insertKnown(checkpoint, found, puts) : [];
  const damagedParts: { segment: Segment; part: DamagedPart }[] = [];

  for (const { segment, known } of found) {
    settled.add(0, segment.header.watermark);
    nextEvent = Math.max(nextEvent, segment.header.nextEvent, segment.header.watermark);
    segment.endEvent = known?.endEvent ?? 0;
    const from = known?.published ?? DATA_START;
    const { end, damaged } = await withFile(settings.fileSystem, segment.path, (file) =>
      scanSegment(
        file,
        segment.header,
        from,
        async (record) => {
          transactions++;
          const { header, offset, payload, checksum } = record;
          settings.onRecord?.(segment, record);
          segment.last = { offset, checksum };
          if (header.type === RECORD_PUT) {
            const { first, count } = header;
            const length = HEADER_BYTES + header.payloadLength;
            puts.insert({ first, count, skip: 0, segment: segment.id, offset, length });
            segment.endEvent = Math.max(segment.endEvent, first + count);
            nextEvent = Math.max(nextEvent, first + count);
          } else {
            settled.add(0, header.first);
            // Numbers given up count too: an event with one of them would be taken for settled.
            nextEvent = Math.max(nextEvent, header.first);
            for (const range of readRanges(payload, header.count)) {
              settled.add(range.from, range.to);
              nextEvent = Math.max(nextEvent, range.to);
            }
          }
          if (turnIsOver()) await nextLoopTurn();
        },
        settings.trusting,
      ),
    );
    segment.tail = end;
    segment.published = end;
    for (const part of damaged) damagedParts.push({ segment, part });
  }

  for (const { segment, part } of damagedParts) damage.push(await report(settings, segment, part, settled));
  const entries = unsettled(puts, settled);
  const lost = missing.filter(({ from, to }) => settled.unsettled(from, to).length > 0);
  for (const { id, from, to } of lost) {
    damage.push({ file: segmentName(id), offset: 0, bytes: 0, events: to - from, torn: false, keptIn: undefined });
  }
  const segments = settings.readOnly ? files.segments : await sealAll(settings, files, damage);
  settings.at("recovery-done");
  return {
    segments,
    spares: files.spares,
    lastId: files.lastId,
    entries,
    settled: settledBetween(entries, nextEvent),
    nextEvent,
    damage,
    fromCheckpoint: checkpoint !== undefined,
    transactions,
  };
}

interface Files {
  segments: Segment[];
  readonly spares: SpareFile[];
  lastId: number;
}

async function findFiles(settings: RecoverySettings, damage: Damage[]): Promise<Files> {
  const { fileSystem, directories, keys, readOnly } = settings;
  const files: Files = { segments: [], spares: [], lastId: 0 };
  for (const directory of directories) {
    for (const name of await fileSystem.list(directory)) {
      const number = Number(/\d+/.exec(name)?.[0] ?? 0);
      const path = join(directory, name);
      if (isSpareName(name)) {
        files.lastId = Math.max(files.lastId, number);
        files.spares.push({ directory, name, size: await withFile(fileSystem, path, (file) => file.size()) });
      } else if (segmentId(name) !== undefined) {
        files.lastId = Math.max(files.lastId, number);
        const page = Buffer.alloc(DATA_START);
        const { header, size } = await withFile(fileSystem, path, async (file) => ({
          header: decodeSegmentHeader(page.subarray(0, await file.read(page, 0))),
          size: await file.size(),
        }));
        if (header && "version" in header) {
          throw new HeadraceError("FLUME_FILE_CHANNEL_NEWER", { file: path, version: header.version });
        }
        if (header && header.id === number) {
          // Who is to read its events must have the key; without it nothing is touched.
          if (!readOnly) cipherFor(header, keys);
          files.segments.push(new Segment(directory, header, size, keys));
        } else if (header) {
          // It was being made into another segment when the power went: nothing was put into that yet.
          const spare = spareName(number);
          if (!readOnly) await fileSystem.rename(path, join(directory, spare));
          files.spares.push({ directory, name: readOnly ? name : spare, size });
        } else {
          const keptIn = readOnly ? undefined : await setAsideFile(fileSystem, directory, name);
          damage.push({ file: path, offset: 0, bytes: size, events: undefined, torn: size < DATA_START, keptIn });
        }
      }
    }
  }
  files.segments.sort((a, b) => a.id - b.id);
  return files;
}

function markerText(segment: Segment): string {
  return segment.header.marker.toString("hex");
}

async function usableCheckpoint(settings: RecoverySettings, segments: Segment[]): Promise<Checkpoint | undefined> {
  for (const directory of settings.checkpointDirectories) {
    const checkpoint = await loadCheckpoint(settings.fileSystem, directory, settings.readOnly);
    if (checkpoint && (await belongsTo(checkpoint, segments, settings.fileSystem))) return checkpoint;
  }
  return undefined;
}

/** A checkpoint from the future of this log (files restored from a copy) points behind what is there. */
async function belongsTo(checkpoint: Checkpoint, segments: Segment[], fileSystem: FileSystem): Promise<boolean> {
  for (const known of checkpoint.segments) {
    const segment = segments.find(({ id }) => id === known.id);
    if (!segment) continue;
    if (markerText(segment) !== known.marker || known.published > segment.size) return false;
    const { last } = known;
    if (!last) continue;
    const bytes = Buffer.alloc(HEADER_BYTES);
    await withFile(fileSystem, segment.path, (file) => file.read(bytes, last.offset));
    const header = readRecordHeader(bytes, 0, segment.header.marker, last.offset);
    if (!header || bytes.readUInt32LE(8) !== last.checksum) return false;
  }
  return true;
}

interface MissingEvents {
  readonly id: number;
  readonly from: number;
  readonly to: number;
}

/** Entries of the checkpoint; returned are those whose segment is not there. */
function insertKnown(checkpoint: Checkpoint, found: readonly FoundSegment[], puts: EntryQueue): MissingEvents[] {
  const there = new Set(found.filter(({ known }) => known).map(({ segment }) => segment.id));
  const missing: MissingEvents[] = [];
  for (const entry of checkpoint.entries) {
    if (there.has(entry.segment)) puts.insert(entry);
    else missing.push({ id: entry.segment, from: entry.first, to: entry.first + entry.count });
  }
  return missing;
}

function unsettled(puts: EntryQueue, settled: SettledEvents): EntryQueue {
  const left = new EntryQueue();
  for (let entry = puts.shift(); entry; entry = puts.shift()) {
    for (const { from, to } of settled.unsettled(entry.first, entry.first + entry.count)) {
      left.push({ ...entry, first: from, count: to - from, skip: entry.skip + from - entry.first });
    }
  }
  return left;
}

/** Everything that is not held is settled, numbers that were never used included. */
function settledBetween(entries: EntryQueue, nextEvent: number): SettledEvents {
  const settled = new SettledEvents();
  let at = 0;
  for (const { first, count } of entries) {
    settled.add(at, first);
    at = first + count;
  }
  settled.add(at, nextEvent);
  return settled;
}

async function report(
  settings: RecoverySettings,
  segment: Segment,
  part: DamagedPart,
  settled: SettledEvents,
): Promise<Damage> {
  const { fileSystem, readOnly } = settings;
  let events: number | undefined;
  if (part.events) {
    events = 0;
    for (const { from, to } of settled.unsettled(part.events.from, part.events.to)) events += to - from;
  }
  const keptIn = readOnly ? undefined : await setAside(fileSystem, segment, part);
  return { file: segment.path, offset: part.offset, bytes: part.length, events, torn: part.torn, keptIn };
}

/**
 * A log that was opened again goes on in a new segment. What the old ones have allocated and not used is given
 * back; those without any record are spare files.
 */
async function sealAll(settings: RecoverySettings, files: Files, damage: readonly Damage[]): Promise<Segment[]> {
  const { fileSystem } = settings;
  const kept: Segment[] = [];
  for (const segment of files.segments) {
    const here = damage.filter(({ file }) => file === segment.path);
    if (segment.tail === DATA_START && here.length === 0) {
      const name = spareName(segment.id);
      await fileSystem.rename(segment.path, join(segment.directory, name));
      files.spares.push({ directory: segment.directory, name, size: segment.size });
      continue;
    }
    kept.push(segment);
    // What could not be copied elsewhere stays where it is.
    const unsaved = here.some(({ offset, keptIn }) => offset >= segment.tail && keptIn === undefined);
    if (segment.size > segment.tail && !unsaved) {
      const file = await fileSystem.open(segment.path, "change");
      try {
        await file.truncate(segment.tail);
        await file.sync();
        segment.size = segment.tail;
      } finally {
        await file.close();
      }
      settings.at("recovery-sealed");
    }
  }
  return kept;
}

async function withFile<T>(fileSystem: FileSystem, path: string, work: (file: StoredFile) => Promise<T>): Promise<T> {
  const file = await fileSystem.open(path, "read");
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}
