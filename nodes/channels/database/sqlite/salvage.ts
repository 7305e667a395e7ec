import { existsSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Salvaged, SqliteSettings } from "./protocol.js";
import { loadSqlite, makeFile, SqliteFile, syncDirectory } from "./sqlite-file.js";

const CORRUPT = 11;
const NOT_A_DATABASE = 26;
/** Ids tried behind a place that cannot be read, before the rest is given up. */
const MOST_PROBES = 1_000_000;
const PREFIX = "headrace_events_";

export function isDamage(error: unknown): boolean {
  const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
  return code === CORRUPT || code === NOT_A_DATABASE;
}

interface EventRow {
  readonly id: number;
  readonly headers: string;
  readonly body: Uint8Array;
  readonly put_time: number;
}

const draftOf = (file: string) => `${file}.salvaged`;

/** Ends a salvage that a crash has cut in two: the damaged file was moved away, the new one not yet in its place. */
export function finishSalvage(file: string): void {
  if (!existsSync(file) && existsSync(draftOf(file))) renameSync(draftOf(file), file);
}

/**
 * Copies every row that can be read into a new file, sets the damaged one aside and puts the new one in its place.
 * Nobody else may have it open.
 */
export function salvage(settings: SqliteSettings, reason: string): Salvaged {
  const { file } = settings;
  const draft = draftOf(file);
  for (const end of ["", "-journal"]) rmSync(draft + end, { force: true });
  makeFile(draft);
  const into = new (loadSqlite().DatabaseSync)(draft);
  let events = 0;
  try {
    into.exec("PRAGMA synchronous = FULL; BEGIN");
    events = copyTables(file, into);
    into.exec("COMMIT");
  } finally {
    into.close();
  }
  const keptIn = `${file}.damaged-${new Date().toISOString().replace(/[:.]/g, "-")}`;
  for (const end of ["", "-wal", "-shm"]) {
    if (existsSync(file + end)) renameSync(file + end, keptIn + end);
  }
  finishSalvage(file);
  syncDirectory(dirname(file));
  // What was not there to copy is made anew.
  new SqliteFile({ ...settings, createSchema: true }).close();
  return { keptIn, events, reason };
}

function copyTables(file: string, into: DatabaseSync): number {
  let from: DatabaseSync | undefined;
  let events = 0;
  try {
    from = new (loadSqlite().DatabaseSync)(file);
    const tables = from
      .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name LIKE 'headrace\\_%' ESCAPE '\\'")
      .all() as { name: string; sql: string }[];
    for (const { name, sql } of tables) {
      into.exec(sql);
      const copied = name.startsWith(PREFIX) ? copyEvents(from, into, name) : copyAll(from, into, name);
      if (name.startsWith(PREFIX)) events += copied;
    }
  } catch (error) {
    // Not even the list of tables can be read: there is nothing to copy.
    if (!isDamage(error)) throw error;
  } finally {
    from?.close();
  }
  return events;
}

function copyAll(from: DatabaseSync, into: DatabaseSync, table: string): number {
  let copied = 0;
  try {
    for (const row of from.prepare(`SELECT * FROM "${table}"`).iterate()) {
      const names = Object.keys(row);
      const marks = names.map(() => "?").join(", ");
      into
        .prepare(`INSERT OR IGNORE INTO "${table}" (${names.join(", ")}) VALUES (${marks})`)
        .run(...Object.values(row));
      copied++;
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  return copied;
}

function copyEvents(from: DatabaseSync, into: DatabaseSync, table: string): number {
  const insert = into.prepare(`INSERT INTO "${table}" (id, headers, body, put_time) VALUES (?, ?, ?, ?)`);
  const select = from.prepare(`SELECT id, headers, body, put_time FROM "${table}" WHERE id >= ? ORDER BY id`);
  const highest = highestGiven(from, table);
  let copied = 0;
  let next = 0;
  for (let probes = 0; probes < MOST_PROBES && (highest === undefined || next <= highest); ) {
    try {
      for (const row of select.iterate(next)) {
        const { id, headers, body, put_time: time } = row as unknown as EventRow;
        // Rows of a damaged page may come in any order; one that goes back would be read for ever.
        if (id < next) throw Object.assign(new Error("out of order"), { errcode: CORRUPT });
        insert.run(id, headers, body, time);
        next = id + 1;
        copied++;
      }
      break;
    } catch (error) {
      if (!isDamage(error)) throw error;
      next++;
      probes++;
    }
  }
  if (highest !== undefined)
    into.prepare("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?").run(highest, table);
  return copied;
}

function highestGiven(from: DatabaseSync, table: string): number | undefined {
  try {
    const row = from.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?").get(table) as
      | { seq: number }
      | undefined;
    return row?.seq ?? 0;
  } catch {
    return undefined;
  }
}
