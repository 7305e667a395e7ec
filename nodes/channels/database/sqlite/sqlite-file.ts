import { closeSync, fdatasyncSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type * as Sqlite from "node:sqlite";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { EMPTY_HEADERS, type PackedEvents, type PackedRows } from "../packed-events.js";
import { type Held, type IdRange, MOST_ROWS, SCHEMA_VERSION } from "../store.js";
import type { SqliteSettings } from "./protocol.js";
import { Reserve, RESERVE_BYTES } from "./reserve.js";

/** Milliseconds that a transaction waits for somebody else who is writing. */
const BUSY_WAIT = 2000;

/** Why the database is not used, where SQLite itself would not mind. */
export class Refusal extends Error {
  readonly why: "foreign" | "in-use" | "newer" | "no-tables";
  readonly version: number | undefined;

  constructor(why: Refusal["why"], version?: number) {
    super(why);
    this.why = why;
    this.version = version;
  }
}

/** A commit that failed: what it would have written may come back when the file is opened again. */
export class UnclearCommit extends Error {}

/** Somebody has removed a file, or put another in its place: what would be written there is nobody's any more. */
export class FileGone extends Error {
  constructor(file: string) {
    super(`${file} was removed or replaced while it was open`);
  }
}

/** Which file it is, whatever its name; undefined when there is none. */
export function identityOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

/** Node's SQLite, without the word that it is experimental: it is what the user has asked for. */
export function loadSqlite(): typeof Sqlite {
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...more: never[]) => {
    if (!String(warning).includes("SQLite")) emitWarning.call(process, warning, ...more);
  };
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Makes the file, for this user alone. One that is there is not touched: closing it would end SQLite's locks on it. */
export function makeFile(file: string): void {
  const directory = dirname(file);
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
  // SQLite syncs the names in its own directory; new directories have names as well.
  for (let each = directory; made !== undefined && each.length >= made.length; each = dirname(each)) {
    syncDirectory(dirname(each));
  }
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

export function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

const FULL = 13;

/** A table of events in an SQLite file, open. Everything here blocks. */
export class SqliteFile {
  readonly #settings: SqliteSettings;
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #insert: StatementSync;
  readonly #insertWithHeaders: StatementSync;
  readonly #delete: StatementSync;
  readonly #select: StatementSync;
  readonly #pages: StatementSync;
  readonly #reserve: Reserve;
  readonly #identity: string | undefined;
  #log: number | undefined;
  #eachCommitSynced: boolean;

  /** Throws SQLite's errors, and Refusal. */
  constructor(settings: SqliteSettings) {
    const { file, table, sync } = settings;
    this.#settings = settings;
    makeFile(file);
    const database = new (loadSqlite().DatabaseSync)(file);
    this.#database = database;
    this.#identity = identityOf(file);
    try {
      // Not by Node's own option for it, which older versions do not know.
      database.exec(`PRAGMA busy_timeout = ${BUSY_WAIT}`);
      database.exec("PRAGMA journal_mode = WAL");
      this.#eachCommitSynced = sync;
      database.exec(`PRAGMA synchronous = ${sync ? "FULL" : "NORMAL"}`);
      this.#makeTables();
      this.#begin = database.prepare("BEGIN IMMEDIATE");
      this.#commit = database.prepare("COMMIT");
      this.#insert = database.prepare(`INSERT INTO "${table}" (id, body, put_time) VALUES (?, ?, ?)`);
      this.#insertWithHeaders = database.prepare(
        `INSERT INTO "${table}" (id, headers, body, put_time) VALUES (?, ?, ?, ?)`,
      );
      this.#delete = database.prepare(`DELETE FROM "${table}" WHERE id >= ? AND id < ?`);
      this.#pages = database.prepare(
        "SELECT freelist_count * page_size AS free FROM pragma_freelist_count, pragma_page_size",
      );
      this.#reserve = new Reserve(file);
      this.#reserve.hold();
      this.#select = database.prepare(`SELECT id, headers, body FROM "${table}" WHERE id >= ? AND id < ? ORDER BY id`);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  held(): Held {
    const { table } = this.#settings;
    const row = this.#database
      .prepare(
        `SELECT count(*) AS events, coalesce(min(id), 0) AS first, coalesce(max(id), 0) AS last,
           coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?), 0) AS given
         FROM "${table}"`,
      )
      .get(table) as { events: number; first: number; last: number; given: number };
    const next = Math.max(row.last, row.given) + 1;
    return { events: row.events, first: row.events > 0 ? row.first : next, next };
  }

  write(
    puts: readonly { readonly first: number; readonly count: number }[],
    events: PackedEvents,
    takes: readonly IdRange[],
  ): void {
    if (identityOf(this.#settings.file) !== this.#identity) throw new FileGone(this.#settings.file);
    if (puts.length > 0) this.#checkRoom(events.bodies.length);
    try {
      this.#transaction(puts, events, takes);
    } catch (error) {
      if ((error as { errcode?: number }).errcode !== FULL || puts.length > 0 || !this.#reserve.giveAway()) throw error;
      this.#transaction(puts, events, takes);
    }
  }

  #transaction(
    puts: readonly { readonly first: number; readonly count: number }[],
    events: PackedEvents,
    takes: readonly IdRange[],
  ): void {
    // Takes ride the next sync: it costs as much as all else, and losing power may repeat them.
    this.#syncEachCommit(this.#settings.sync && puts.length > 0);
    this.#begin.run();
    try {
      for (const { from, to } of takes) this.#delete.run(from, to);
      this.#put(puts, events);
    } catch (error) {
      this.#rollBack();
      throw error;
    }
    try {
      this.#commit.run();
    } catch (error) {
      this.#rollBack();
      throw (error as { errcode?: number }).errcode === undefined
        ? error
        : Object.assign(new UnclearCommit((error as Error).message), {
            errcode: (error as { errcode: number }).errcode,
          });
    }
  }

  read({ from, to }: IdRange, bytes: number): PackedRows {
    const ids: number[] = [];
    const bodies: Uint8Array[] = [];
    const headers: string[] = [];
    let plain = true;
    let size = 0;
    let last = true;
    for (const row of this.#select.iterate(from, to)) {
      const { id, headers: text, body } = row as { id: number; headers: unknown; body: unknown };
      const found = body instanceof Uint8Array ? body : Buffer.from(String(body ?? ""));
      if (ids.length === MOST_ROWS || (ids.length > 0 && size + found.length > bytes)) {
        last = false;
        break;
      }
      const json = typeof text === "string" ? text : EMPTY_HEADERS;
      if (json !== EMPTY_HEADERS) plain = false;
      ids.push(id);
      headers.push(json);
      bodies.push(found);
      size += found.length + (json.length - EMPTY_HEADERS.length);
    }
    return { ids: Float64Array.from(ids), ...joined(bodies), headers: plain ? undefined : headers, last };
  }

  /** What is committed but not synced comes onto the disk. */
  sync(): void {
    this.#log ??= openSync(`${this.#settings.file}-wal`, "r+");
    fdatasyncSync(this.#log);
  }

  close(): void {
    if (this.#log !== undefined) {
      this.sync();
      closeSync(this.#log);
    }
    this.#database.close();
  }

  /** Without the reserve only rows that fit where others were: the file does not grow, and takes can be written. */
  #checkRoom(bytes: number): void {
    if (this.#reserve.hold()) return;
    const { free } = this.#pages.get() as { free: number };
    if (free < bytes + RESERVE_BYTES) throw Object.assign(new Error("no room for more"), { errcode: FULL });
  }

  #put(puts: readonly { readonly first: number; readonly count: number }[], events: PackedEvents): void {
    const { bodies, ends, headers } = events;
    const now = Date.now();
    let index = 0;
    let start = 0;
    for (const { first, count } of puts) {
      for (let i = 0; i < count; i++) {
        const end = ends[index] as number;
        const body = bodies.subarray(start, end);
        const text = headers?.[index];
        if (text === undefined || text === EMPTY_HEADERS) this.#insert.run(first + i, body, now);
        else this.#insertWithHeaders.run(first + i, text, body, now);
        start = end;
        index++;
      }
    }
  }

  #rollBack(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // SQLite has done so by itself.
    }
  }

  #syncEachCommit(wanted: boolean): void {
    if (wanted === this.#eachCommitSynced) return;
    this.#database.exec(`PRAGMA synchronous = ${wanted ? "FULL" : "NORMAL"}`);
    this.#eachCommitSynced = wanted;
  }

  #makeTables(): void {
    const { channel, table, createSchema } = this.#settings;
    const database = this.#database;
    const there = (name: string) =>
      database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined;
    if (there("headrace_schema")) {
      const { version } = database.prepare("SELECT max(version) AS version FROM headrace_schema").get() as {
        version: number | null;
      };
      if (version !== null && version > SCHEMA_VERSION) throw new Refusal("newer", version);
    }
    if (there("headrace_channels") && there(table)) {
      const known = database.prepare("SELECT 1 FROM headrace_channels WHERE name = ? AND event_table = ?");
      if (known.get(channel, table)) return;
    }
    if (!createSchema) throw new Refusal("no-tables");
    database.exec("BEGIN IMMEDIATE");
    try {
      database.exec(TABLES + eventTableSql(table));
      database
        .prepare("INSERT INTO headrace_schema (version) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM headrace_schema)")
        .run(SCHEMA_VERSION);
      database
        .prepare("INSERT OR REPLACE INTO headrace_channels (name, event_table) VALUES (?, ?)")
        .run(channel, table);
      database.exec("COMMIT");
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }
}

const NOW = "(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))";

const TABLES = `
CREATE TABLE IF NOT EXISTS headrace_schema (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS headrace_channels (
  name TEXT PRIMARY KEY,
  event_table TEXT NOT NULL UNIQUE,
  created INTEGER NOT NULL DEFAULT ${NOW}
);`;

/** Ids are given by the channel; AUTOINCREMENT remembers the highest when the table is empty. */
function eventTableSql(table: string): string {
  return `
CREATE TABLE IF NOT EXISTS "${table}" (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  headers TEXT NOT NULL DEFAULT '${EMPTY_HEADERS}',
  body BLOB NOT NULL,
  put_time INTEGER NOT NULL DEFAULT ${NOW}
);`;
}

function joined(bodies: readonly Uint8Array[]): Pick<PackedEvents, "bodies" | "ends"> {
  const ends = new Uint32Array(bodies.length);
  let at = 0;
  for (const [i, body] of bodies.entries()) ends[i] = at += body.length;
  const all = new Uint8Array(at);
  for (const [i, body] of bodies.entries()) all.set(body, (ends[i] as number) - body.length);
  return { bodies: all, ends };
}
