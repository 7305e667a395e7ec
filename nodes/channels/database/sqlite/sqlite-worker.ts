/* The thread of one database channel: SQLite blocks, so nothing else may run where it does. */
import { existsSync } from "node:fs";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { ChannelLock } from "./channel-lock.js";
import { refuseForeign, refuseUnmarked } from "./foreign-file.js";
import type { SqliteAnswer, SqliteAnswers, SqliteProblem, SqliteRequest, SqliteSettings } from "./protocol.js";
import { finishSalvage, isDamage, salvage } from "./salvage.js";
import { FileGone, Refusal, SqliteFile, UnclearCommit } from "./sqlite-file.js";

const settings = workerData as SqliteSettings;
const port = parentPort as MessagePort;

const CANNOT_OPEN = 14;

const locks: ChannelLock[] = [];
let file: SqliteFile | undefined;

function open(): SqliteAnswers["open"] {
  close();
  const lockOfAll = `${settings.file}.lock`;
  // Before anything is made beside it. Where a lock is, a channel of this process may have the file open.
  if (!existsSync(lockOfAll)) refuseForeign(settings.file);
  try {
    // Of this channel alone, and of all who use the file.
    locks.push(new ChannelLock(`${settings.file}.${settings.table}.lock`, "exclusive"));
    locks.push(new ChannelLock(lockOfAll, "shared"));
    finishSalvage(settings.file);
    try {
      file = new SqliteFile(settings);
      return file.held();
    } catch (error) {
      if (!isDamage(error)) throw error;
      return openDamaged((error as Error).message);
    }
  } catch (error) {
    close();
    throw error;
  }
}

/** Only while nobody else uses it: they would go on in the file that is moved away. */
function openDamaged(reason: string): SqliteAnswers["open"] {
  file?.close();
  file = undefined;
  locks.pop()?.release();
  const all = new ChannelLock(`${settings.file}.lock`, "exclusive");
  try {
    refuseUnmarked(settings.file);
    const salvaged = salvage(settings, reason);
    file = new SqliteFile(settings);
    return { ...file.held(), salvaged };
  } finally {
    all.release();
    locks.push(new ChannelLock(`${settings.file}.lock`, "shared"));
  }
}

function close(): void {
  const open = file;
  file = undefined;
  try {
    open?.close();
  } finally {
    for (const lock of locks.splice(0)) lock.release();
  }
}

function answer(request: SqliteRequest): SqliteAnswers[keyof SqliteAnswers] {
  switch (request.do) {
    case "open":
      return open();
    case "write":
      for (const lock of locks) lock.check();
      opened().write(request.puts, request.events, request.takes);
      return undefined;
    case "read":
      return opened().read(request.range, request.bytes);
    case "sync":
      opened().sync();
      return undefined;
    case "close":
      close();
      return undefined;
  }
}

function opened(): SqliteFile {
  if (!file) throw new Error("the file is not open");
  return file;
}

function problemOf(error: unknown): SqliteProblem {
  const { message, errcode, syscall } = error as Error & { errcode?: number; syscall?: string };
  return {
    message,
    // What the file system has against it, SQLite would call so.
    errcode: errcode ?? (syscall === undefined ? undefined : CANNOT_OPEN),
    gone: error instanceof FileGone,
    refused: error instanceof Refusal ? error.why : undefined,
    version: error instanceof Refusal ? error.version : undefined,
    unclear: error instanceof UnclearCommit,
  };
}

port.on("message", ({ id, request }: { id: number; request: SqliteRequest }) => {
  let reply: SqliteAnswer;
  const moved: ArrayBuffer[] = [];
  try {
    const result = answer(request);
    reply = { id, answer: result };
    if (result && "bodies" in result) moved.push(result.bodies.buffer, result.ends.buffer, result.ids.buffer);
  } catch (error) {
    reply = { id, problem: problemOf(error) };
  }
  port.postMessage(reply, moved);
});
