import { join } from "node:path";
import { promisify } from "node:util";
import { crc32, deflate, inflate } from "node:zlib";
import { blockingWork } from "../../../lib/engine/blocking-work.js";
import { nextLoopTurn, turnIsOver } from "../../../lib/engine/turn.js";
import { type Entry, ENTRY_BYTES, type EntrySnapshot, readEntries, writeEntry } from "./entry-queue.js";
import type { AtFailpoint } from "./failpoints.js";
import type { FileSystem } from "./file-system.js";
import type { Range } from "./ranges.js";
import type { RecordPlace } from "./segment.js";

export const CHECKPOINT_NAME = "checkpoint";
const TEMPORARY_NAME = "checkpoint.tmp";
const MAGIC = Buffer.from("HEADRCKP");
const VERSION = 1;
const HEAD_BYTES = 24;
const DEFLATED = 1;

/** How far a checkpoint knows one segment. */
export interface KnownSegment {
  readonly id: number;
  /** Hexadecimal. */
  readonly marker: string;
  /** Records before this position are in the checkpoint. */
  readonly published: number;
  readonly endEvent: number;
  readonly last: RecordPlace | undefined;
}

export interface CheckpointState {
  readonly watermark: number;
  readonly settled: readonly Range[];
  readonly nextEvent: number;
  readonly segments: readonly KnownSegment[];
}

export interface Checkpoint extends CheckpointState {
  readonly entries: Iterable<Entry>;
}

/** What to write: the entries that wait on the disk as they are, and those that are on their way out. */
export interface CheckpointSource extends CheckpointState {
  readonly waiting: EntrySnapshot;
  readonly opened: readonly Entry[];
}

/** The bytes of a checkpoint; encoded in steps, because a million entries take a while. */
export async function encodeCheckpoint(source: CheckpointSource): Promise<Buffer> {
  const { waiting, opened, ...state } = source;
  const meta = Buffer.from(JSON.stringify(state));
  const entriesAt = HEAD_BYTES + 4 + meta.length;
  const bytes = Buffer.alloc(entriesAt + opened.length * ENTRY_BYTES + waiting.bytes);
  bytes.writeUInt32LE(meta.length, HEAD_BYTES);
  meta.copy(bytes, HEAD_BYTES + 4);
  let at = entriesAt;
  for (const entry of opened) at = writeEntry(bytes, at, entry);
  await waiting.write(bytes, at, async () => {
    if (turnIsOver()) await nextLoopTurn();
  });
  writeHead(bytes, 0);
  return bytes;
}

export async function compressCheckpoint(plain: Buffer): Promise<Buffer> {
  const body = await blockingWork(() => promisify(deflate)(plain.subarray(HEAD_BYTES)));
  const bytes = Buffer.concat([Buffer.alloc(HEAD_BYTES), body]);
  writeHead(bytes, DEFLATED);
  return bytes;
}

function writeHead(bytes: Buffer, flags: number): void {
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(flags, 12);
  bytes.writeUInt32LE(bytes.length - HEAD_BYTES, 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(HEAD_BYTES), crc32(bytes.subarray(0, 20))), 20);
}

/** Replaces the checkpoint in `directory`, or leaves the old one whole. */
export async function storeCheckpoint(
  fileSystem: FileSystem,
  directory: string,
  bytes: Buffer,
  at: AtFailpoint,
): Promise<void> {
  const temporary = join(directory, TEMPORARY_NAME);
  const file = await fileSystem.open(temporary, "create");
  try {
    await file.write(bytes, 0);
    at("checkpoint-written");
    await file.sync();
  } finally {
    await file.close();
  }
  at("checkpoint-synced");
  await fileSystem.rename(temporary, join(directory, CHECKPOINT_NAME));
  at("checkpoint-renamed");
  await fileSystem.syncDirectory(directory);
}

/** The checkpoint in `directory`; undefined when there is none, or none that is whole. It only saves time. */
export async function loadCheckpoint(
  fileSystem: FileSystem,
  directory: string,
  readOnly = false,
): Promise<Checkpoint | undefined> {
  try {
    if (!readOnly) await fileSystem.remove(join(directory, TEMPORARY_NAME)).catch(() => undefined);
    const file = await fileSystem.open(join(directory, CHECKPOINT_NAME), "read");
    let bytes: Buffer;
    try {
      bytes = Buffer.allocUnsafeSlow(await file.size());
      bytes = bytes.subarray(0, await file.read(bytes, 0));
    } finally {
      await file.close();
    }
    return await decodeCheckpoint(bytes);
  } catch {
    return undefined;
  }
}

async function decodeCheckpoint(bytes: Buffer): Promise<Checkpoint | undefined> {
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (bytes.readUInt32LE(8) !== VERSION || bytes.readUInt32LE(16) !== bytes.length - HEAD_BYTES) return undefined;
  if (crc32(bytes.subarray(HEAD_BYTES), crc32(bytes.subarray(0, 20))) !== bytes.readUInt32LE(20)) return undefined;
  let body = bytes.subarray(HEAD_BYTES);
  if (bytes.readUInt32LE(12) & DEFLATED) {
    const packed = body;
    body = await blockingWork(() => promisify(inflate)(packed));
  }
  const metaEnd = 4 + body.readUInt32LE(0);
  const state = JSON.parse(body.toString("utf8", 4, metaEnd)) as CheckpointState;
  return { ...state, entries: readEntries(body.subarray(metaEnd)) };
}
