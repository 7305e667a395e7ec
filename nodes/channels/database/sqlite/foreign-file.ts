import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { reserveOf } from "./reserve.js";
import { Refusal } from "./sqlite-file.js";

/** How each database of SQLite begins (sqlite.org/fileformat2.html §1.3). */
const SQLITE = Buffer.from("SQLite format 3\0");
/** Stands in the list of tables, at the front of the file or, until the first checkpoint, of its log. */
const MARK = "headrace_channels";
const FRONT = 64 * 1024;

/**
 * A path that was mistyped must not make a damaged database of what it names.
 * Throws Refusal for a file that is no database of SQLite and was never one of ours. Nobody who uses SQLite in this
 * process may have it open: it would lose its locks.
 */
export function refuseForeign(file: string): void {
  const front = frontOf(file);
  if (front.length > 0 && !front.subarray(0, SQLITE.length).equals(SQLITE)) refuseUnmarked(file);
}

/** The same for a file that is damaged, whatever it was. */
export function refuseUnmarked(file: string): void {
  const marked = [file, `${file}-wal`].some((each) => frontOf(each).includes(MARK));
  if (!marked && !existsSync(reserveOf(file))) throw new Refusal("foreign");
}

/** Of a file that cannot be read, nothing: SQLite says why. */
function frontOf(file: string): Buffer {
  const front = Buffer.alloc(FRONT);
  try {
    const handle = openSync(file, "r");
    try {
      return front.subarray(0, readSync(handle, front));
    } finally {
      closeSync(handle);
    }
  } catch {
    return front.subarray(0, 0);
  }
}
