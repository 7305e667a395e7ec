import type { DatabaseSync } from "node:sqlite";
import { loadSqlite, makeFile, Refusal } from "./sqlite-file.js";

const BUSY = 5;

/**
 * A lock of the system's own, by way of SQLite: it ends with the process, however that ends. Two threads of one
 * process are kept apart as two processes are.
 */
export class ChannelLock {
  readonly #file: DatabaseSync;

  /** `shared`: others may have it shared too. Throws Refusal when it cannot be had. */
  constructor(path: string, how: "exclusive" | "shared") {
    makeFile(path);
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

  release(): void {
    this.#file.close();
  }
}
