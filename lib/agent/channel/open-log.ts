import { FileLog } from "../../../nodes/channels/file/file-log.js";
import type { Damage } from "../../../nodes/channels/file/recovery.js";
import type { FileSystem } from "../../../nodes/channels/file/file-system.js";
import { LARGEST_SIZE } from "../../../nodes/channels/file/segment-store.js";
import type { HeadraceError } from "../../engine/errors.js";
import type { Storage } from "./storage.js";

export interface OpenedLog {
  readonly log: FileLog;
  readonly damage: readonly Damage[];
  readonly events: number;
  /** Resolves when there may be more to take; rejects on trouble with the disk. */
  more(): Promise<void>;
  /** Events found unreadable since. */
  readonly lost: number;
}

/** Opens a log as a channel does, which mends it. `fromScratch`: reads everything, whatever a checkpoint says. */
export async function openLog(storage: Storage, fileSystem: FileSystem, fromScratch: boolean): Promise<OpenedLog> {
  let wake: () => void = () => undefined;
  const trouble: { error?: HeadraceError | undefined } = {};
  const throwTrouble = () => {
    if (trouble.error) throw trouble.error;
  };
  let lost = 0;
  if (fromScratch) await fileSystem.remove(`${storage.checkpointDirectory}/checkpoint`);
  await fileSystem.makeDirectory(storage.checkpointDirectory);
  const { log, damage, events } = await FileLog.open(
    {
      directories: storage.directories,
      checkpointDirectory: storage.checkpointDirectory,
      backupDirectory: undefined,
      compressBackup: false,
      largestSegment: LARGEST_SIZE,
      // Takes must be written even where the channel would put no more.
      minimumFree: 0,
      syncInterval: 0,
      keys: storage.keys,
    },
    {
      more: () => wake(),
      lost: (count) => {
        lost += count;
        wake();
      },
      report: (error) => {
        trouble.error = error;
        wake();
      },
    },
    { fileSystem },
  );
  return {
    log,
    damage,
    events,
    more: async () => {
      throwTrouble();
      await new Promise<void>((resolve) => (wake = resolve));
      throwTrouble();
    },
    get lost() {
      return lost;
    },
  };
}
