import type { EventBatch } from "../../../lib/engine/batch.js";
import type { PackedEvents, PackedRows } from "./packed-events.js";

/** Of the tables; raised when a version cannot read what the next one writes. */
export const SCHEMA_VERSION = 1;

/** Rows that one read brings at most: some weigh nothing. */
export const MOST_ROWS = 10_000;

/** Ids `from` (inclusive) to `to` (exclusive); not each of them need be there. */
export interface IdRange {
  readonly from: number;
  readonly to: number;
}

/** Events of one put, with ids that follow each other. */
export interface StoredPut {
  readonly first: number;
  readonly batch: EventBatch;
}

/** What goes into one transaction of the database. */
export interface Group {
  readonly puts: readonly StoredPut[];
  /** The events of all puts. */
  readonly events: PackedEvents;
  readonly takes: readonly IdRange[];
}

/** What the table holds when it is opened. */
export interface Held {
  readonly events: number;
  /** The lowest id that is there; `next` when there is none. */
  readonly first: number;
  /** Higher than every id that was ever given. */
  readonly next: number;
}

/** A table of events in some database, of which this process is the only owner while it is open. */
export interface EventStore {
  /** As people know it, without a password: file, or host and database. */
  readonly name: string;
  /** Makes the tables where they are missing. Rejects with HeadraceError, and can be called again. */
  open(): Promise<Held>;
  /** Why nothing can be written or read now; it is being mended. */
  readonly trouble: Error | undefined;
  /**
   * All of it or nothing, on the disk as far as this store promises. Rejects with DeliveryError: outcome `unknown`
   * when the events may be there all the same, and nobody could be asked.
   */
  write(group: Group): Promise<void>;
  /** The first rows within `range`, in order of id: about `bytes` and at most MOST_ROWS of them, but one where there is one. */
  read(range: IdRange, bytes: number): Promise<PackedRows>;
  /** Safe to call in any state. */
  close(): Promise<void>;
}
