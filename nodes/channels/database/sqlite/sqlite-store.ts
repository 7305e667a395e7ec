import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Logger } from "../../../../lib/engine/component.js";
import { within } from "../../../../lib/engine/backoff.js";
import {
  asDeliveryError,
  DeliveryError,
  HeadraceError,
  isHeadraceError,
  reasonOf,
} from "../../../../lib/engine/errors.js";
import type { PackedRows } from "../packed-events.js";
import type { EventStore, Group, Held, IdRange } from "../store.js";
import type { SqliteAnswer, SqliteAnswers, SqliteProblem, SqliteRequest, SqliteSettings } from "./protocol.js";

/** Takes are synced this many milliseconds after they are written, or with the next put. */
const SYNC_TAKES_WITHIN = 50;
/** Milliseconds for which the free space of the disk is taken as known. */
const SPACE_KNOWN_FOR = 1000;
/** Milliseconds that a thread may take to end by itself. */
const END_WAIT = 5000;

/** The primary result codes of https://www.sqlite.org/rescode.html that mean something to a person. */
const CODES = { busy: 5, locked: 6, readOnly: 8, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 } as const;

export interface SqliteStoreSettings extends SqliteSettings {
  /** Milliseconds between syncs where puts do not wait for them. */
  readonly syncInterval: number;
  /** Bytes of the disk that are left free. */
  readonly minimumFree: number;
}

interface Waiting {
  resolve(answer: never): void;
  reject(error: Error): void;
}

/** A table in a file, by way of Node's own SQLite in a thread of its own. */
export class SqliteStore implements EventStore {
  readonly name: string;
  readonly trouble = undefined;
  readonly #settings: SqliteStoreSettings;
  readonly #log: Logger;
  #thread: Thread | undefined;
  #opening: Promise<Held> | undefined;
  #closed = false;
  #syncTimer: NodeJS.Timeout | undefined;
  #freeUntil = 0;

  constructor(settings: SqliteStoreSettings, log: Logger) {
    this.name = settings.file;
    this.#settings = settings;
    this.#log = log;
  }

  open(): Promise<Held> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async write({ puts, events, takes }: Group): Promise<void> {
    if (puts.length > 0) await this.#checkSpace();
    const request: SqliteRequest = {
      do: "write",
      puts: puts.map(({ first, batch }) => ({ first, count: batch.length })),
      events,
      takes,
    };
    await this.#ask(request, [events.bodies.buffer, events.ends.buffer]);
    const { sync, syncInterval } = this.#settings;
    if (!sync) this.#syncWithin(syncInterval);
    else if (puts.length === 0) this.#syncWithin(SYNC_TAKES_WITHIN);
  }

  async read(range: IdRange, bytes: number): Promise<PackedRows> {
    return await this.#ask({ do: "read", range, bytes });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#syncTimer);
    await this.#opening?.catch(() => undefined);
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.close();
  }

  async #open(): Promise<Held> {
    if (!process.getBuiltinModule?.("node:module").isBuiltin("node:sqlite")) {
      throw new HeadraceError("FLUME_DATABASE_NO_SQLITE", { version: process.version });
    }
    const { file, channel, table, createSchema, sync } = this.#settings;
    const thread = new Thread({ file, channel, table, createSchema, sync }, () => {
      // The next request makes a new one.
      if (this.#thread === thread) this.#thread = this.#opening = undefined;
    });
    this.#thread = thread;
    try {
      const { salvaged, ...held } = await thread.ask({ do: "open" });
      if (salvaged) {
        const { keptIn, events, reason } = salvaged;
        this.#log.warn(
          new HeadraceError("FLUME_DATABASE_SALVAGED", { database: file, keptIn, events, reason }).message,
        );
      }
      return held;
    } catch (error) {
      this.#thread = undefined;
      await thread.close();
      throw this.#explain(error);
    }
  }

  async #ask<R extends SqliteRequest>(request: R, moved: ArrayBuffer[] = []): Promise<SqliteAnswers[R["do"]]> {
    if (this.#closed) throw new DeliveryError("FLUME_STOPPED");
    await this.open();
    const thread = this.#thread as Thread;
    try {
      return await thread.ask(request, moved);
    } catch (error) {
      const explained = this.#explain(error);
      if (wantsOpening(error) && this.#thread === thread) {
        // Opened again: that is when what can be read of a damaged file is put into a new one.
        this.#thread = this.#opening = undefined;
        await thread.close();
      }
      throw explained;
    }
  }

  /** What is on its way is synced so many milliseconds from now, at the latest. */
  #syncWithin(milliseconds: number): void {
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      if (this.#closed || !this.#thread) return;
      this.#thread.ask({ do: "sync" }).catch((error: unknown) => this.#log.warn(this.#explain(error).message));
    }, milliseconds);
  }

  async #checkSpace(): Promise<void> {
    const { file, minimumFree: required } = this.#settings;
    if (performance.now() < this.#freeUntil) return;
    const disk = await statfs(dirname(file)).catch(() => undefined);
    // What is wrong with the directory shows when it is written to.
    if (!disk) return;
    const free = disk.bavail * disk.bsize;
    if (free < required) {
      const error = new HeadraceError("FLUME_DATABASE_NO_SPACE", { database: file, free, required });
      throw asDeliveryError(error);
    }
    this.#freeUntil = performance.now() + SPACE_KNOWN_FOR;
  }

  #explain(error: unknown): HeadraceError {
    if (isHeadraceError(error)) return error;
    const { file: database, channel } = this.#settings;
    const reason = reasonOf(error);
    if (!(error instanceof SqliteError)) {
      return failure("FLUME_DATABASE_FAILED", { database, reason }, error);
    }
    const { errcode = 0, refused, version = 0, unclear, gone } = error.problem;
    if (gone) return failure("FLUME_DATABASE_CANNOT_OPEN", { database, reason }, error);
    if (refused === "in-use") return new HeadraceError("FLUME_DATABASE_IN_USE", { database, channel });
    if (refused === "foreign") return new HeadraceError("FLUME_DATABASE_FOREIGN", { database });
    if (refused === "newer") return new HeadraceError("FLUME_DATABASE_NEWER", { database, version });
    if (refused === "no-tables") return new HeadraceError("FLUME_DATABASE_NO_TABLES", { database, channel });
    switch (errcode & 0xff) {
      case CODES.busy:
      case CODES.locked:
        return failure("FLUME_DATABASE_LOCKED", { database }, error);
      case CODES.readOnly:
        return failure("FLUME_DATABASE_READ_ONLY", { database, reason }, error);
      case CODES.full:
        return failure("FLUME_DATABASE_FULL", { database }, error);
      case CODES.cantOpen:
        return failure("FLUME_DATABASE_CANNOT_OPEN", { database, reason }, error);
      case CODES.corrupt:
      case CODES.notADatabase:
        return failure("FLUME_DATABASE_DAMAGED", { database, reason }, error, unclear);
      default:
        return failure(
          "FLUME_DATABASE_FAILED",
          { database, reason },
          error,
          unclear || error.problem.errcode === undefined,
        );
    }
  }
}

function failure(
  code: ConstructorParameters<typeof HeadraceError>[0],
  parameters: Readonly<Record<string, string>>,
  cause: unknown,
  unclear = false,
): DeliveryError {
  return new DeliveryError(code, { outcome: unclear ? "unknown" : "none", parameters, cause });
}

function wantsOpening(error: unknown): boolean {
  if (!(error instanceof SqliteError)) return false;
  if (error.problem.gone) return true;
  const code = (error.problem.errcode ?? 0) & 0xff;
  return code === CODES.corrupt || code === CODES.notADatabase;
}

class SqliteError extends Error {
  readonly problem: SqliteProblem;

  constructor(problem: SqliteProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** Requests and answers; one at a time is at work, in order. */
class Thread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ended: SqliteProblem | undefined;

  constructor(settings: SqliteSettings, ended: () => void) {
    this.#worker = new Worker(join(__dirname, "sqlite-worker.js"), { workerData: settings });
    // It must not keep a process alive that wants to end.
    this.#worker.unref();
    this.#worker.on("message", (answer: SqliteAnswer) => this.#answered(answer));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => {
      this.#fail(new Error("the thread of the database has ended"));
      ended();
    });
  }

  ask<R extends SqliteRequest>(request: R, moved: ArrayBuffer[] = []): Promise<SqliteAnswers[R["do"]]> {
    return new Promise((resolve, reject) => {
      if (this.#ended) throw new SqliteError(this.#ended);
      const id = this.#next++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, request }, moved);
    });
  }

  async close(): Promise<void> {
    // What it could not do on its way out is told by the next opening.
    const closed = this.ask({ do: "close" }).then(
      () => undefined,
      () => undefined,
    );
    await within(END_WAIT, closed);
    await this.#worker.terminate();
  }

  #answered({ id, answer, problem }: SqliteAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (problem) waiting?.reject(new SqliteError(problem));
    else waiting?.resolve(answer as never);
  }

  #fail(error: unknown): void {
    this.#ended ??= { message: reasonOf(error), errcode: undefined, unclear: true };
    for (const { reject } of this.#waiting.values()) reject(new SqliteError(this.#ended));
    this.#waiting.clear();
  }
}
