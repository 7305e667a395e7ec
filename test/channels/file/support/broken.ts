import type { FileChannelSurroundings } from "../../../../nodes/channels/file/file-channel.js";
import { realFileSystem, type StoredFile } from "../../../../nodes/channels/file/file-system.js";
import { withFiles } from "./altered-files.js";

/**
 * Promises that the tests break on purpose, all in one process, to show that the suites notice: a suite that passes
 * with a switch on proves nothing of it.
 */
export const SWITCHES = {
  sync: "syncs do nothing",
  write: "a write is answered before the system has it",
  checksum: "checksums are not looked at",
  order: "events are given in the order of their sync",
} as const;
export type Switch = keyof typeof SWITCHES;

/** Which of them this process runs with, if any. */
export const broken = (process.env["HEADRACE_BREAK"] || undefined) as Switch | undefined;

/** Milliseconds that a write stays in the process. */
const HELD_BACK = 5;

/** What a channel is given, with what is broken in it. */
export function breaking(given: FileChannelSurroundings): FileChannelSurroundings {
  const disk = given.fileSystem ?? realFileSystem;
  switch (broken) {
    case undefined:
      return given;
    case "sync": {
      const syncsNoFile = withFiles(disk, () => ({ sync: () => Promise.resolve() }));
      return { ...given, fileSystem: { ...syncsNoFile, syncDirectory: () => Promise.resolve() } };
    }
    case "write":
      return { ...given, fileSystem: withFiles(disk, withLateWrites) };
    default:
      return { ...given, broken };
  }
}

/** As if there were a cache in the process: everything is there in the end, but not after a kill. */
function withLateWrites(file: StoredFile): StoredFile {
  let last: Promise<unknown> = Promise.resolve();
  const after = <T>(work: () => Promise<T>): Promise<T> => last.then(work);
  return {
    write: (data, position) => {
      const copy = Buffer.from(data);
      last = last
        .then(() => new Promise((resolve) => setTimeout(resolve, HELD_BACK)))
        .then(() => file.write(copy, position))
        .catch(() => undefined);
      return Promise.resolve();
    },
    sync: () => Promise.resolve(),
    read: (into, position) => after(() => file.read(into, position)),
    truncate: (length) => after(() => file.truncate(length)),
    size: () => after(() => file.size()),
    close: () => after(() => file.close()),
  };
}
