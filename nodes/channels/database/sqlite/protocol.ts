import type { PackedEvents, PackedRows } from "../packed-events.js";
import type { Held, IdRange } from "../store.js";

/** What the thread is started with. */
export interface SqliteSettings {
  readonly file: string;
  readonly channel: string;
  readonly table: string;
  readonly createSchema: boolean;
  /** Every put waits for the disk. */
  readonly sync: boolean;
}

export type SqliteRequest =
  | { readonly do: "open" }
  | {
      readonly do: "write";
      readonly puts: readonly { readonly first: number; readonly count: number }[];
      readonly events: PackedEvents;
      readonly takes: readonly IdRange[];
    }
  | { readonly do: "read"; readonly range: IdRange; readonly bytes: number }
  /** What is only written comes onto the disk. */
  | { readonly do: "sync" }
  | { readonly do: "close" };

export interface SqliteAnswers {
  readonly open: Held & { readonly salvaged?: Salvaged | undefined };
  readonly write: undefined;
  readonly read: PackedRows;
  readonly sync: undefined;
  readonly close: undefined;
}

/** A damaged file was set aside, and what could be read of it is in a new one. */
export interface Salvaged {
  readonly keptIn: string;
  readonly events: number;
  readonly reason: string;
}

/** An error on its way between threads. */
export interface SqliteProblem {
  readonly message: string;
  /** SQLite's extended result code. */
  readonly errcode: number | undefined;
  /** Why it was refused, where this thread knows better than SQLite. */
  readonly refused?: "foreign" | "in-use" | "newer" | "no-tables" | undefined;
  readonly version?: number | undefined;
  /** A file was removed or replaced: it has to be opened again. */
  readonly gone?: boolean;
  /** The transaction was begun to be committed: it may be on the disk. */
  readonly unclear: boolean;
}

export interface SqliteAnswer {
  readonly id: number;
  readonly answer?: SqliteAnswers[keyof SqliteAnswers];
  readonly problem?: SqliteProblem;
}
