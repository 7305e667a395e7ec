import type { DatabaseSync } from "node:sqlite";
import { FileGone, identityOf, loadSqlite, makeFile, Refusal } from "./sqlite-file.js";

const BUSY = 5;

/**
 * A lock of the system's own, by way of SQLite: it ends with the process, however that ends. Two threads of one
 * process are kept apart as two processes are.
 */
export class ChannelLock {
  readonly #path: string;
  readonly #file: DatabaseSync;
  readonly #identity: string | undefined;

  /** `shared`: others may have it shared too. Throws Refusal when it cannot be had. */
  constructor(path: string, how: "exclusive" | "shared") {
    this.#path = path;
    makeFile(path);
    this.#identity = identityOf(path);
    this.#file = new (loadSqlite().DatabaseSync)(path);
    try {
      // Nothing is ever written: there must be no journal beside it.
      this.#file.exec("PRAGMA journal_mode = MEMORY");
      if (how === "exclusive") this.#file.exec("BEGIN EXCLUSIVE");
      // A transaction that has read something keeps others from an exclusive one until it ends.
      else this.#file.exec("BEGIN; SELECT 1 FROM sqlite_schema");
    } catch (error) {
      this.#file.close();
      throw (((error as { errcode?: number }).errcode ?? 0) & 0xff) === BUSY ? new Refusal("in-use") : error;
    }
  }

  /** Throws FileGone when somebody else could have it as well. */
  check(): void {
    if (identityOf(this.#path) !== this.#identity) throw new FileGone(this.#path);
  }

  release(): void {
    this.#file.close();
  }
}
