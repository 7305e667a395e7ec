import {
  FileChannel,
  type FileChannelSettings,
  type FileChannelSurroundings,
} from "../../../../nodes/channels/file/file-channel.js";
import { type TestContext, testContext } from "../../../support/component-context.js";
import { eventually } from "../../../support/eventually.js";
import { breaking } from "./broken.js";

export const ALL = { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** Small limits, so that rolls and checkpoints happen in tests. */
export function fileSettings(folder: string, more: Partial<FileChannelSettings> = {}): FileChannelSettings {
  return {
    directories: [`${folder}/data`],
    checkpointDirectory: `${folder}/checkpoint`,
    backupDirectory: undefined,
    compressBackup: false,
    capacity: 1_000_000,
    transactionCapacity: 10_000,
    keepAlive: 0,
    minimumFree: 1024 * 1024,
    syncInterval: 0,
    checkpointInterval: 3_600_000,
    checkpointOnClose: true,
    largestSegment: 1024 * 1024,
    keys: () => Promise.resolve(undefined),
    ...more,
  };
}

export interface OpenChannel {
  readonly channel: FileChannel;
  readonly context: TestContext;
}

export async function openChannel(
  folder: string,
  more: Partial<FileChannelSettings> = {},
  given: FileChannelSurroundings = {},
): Promise<OpenChannel> {
  const context = testContext("file", folder);
  const channel = new FileChannel(fileSettings(folder, more), context, breaking(given));
  await channel.start();
  return { channel, context };
}

/** The same, once the segment that follows the first is ready: only then does nothing change in the directory by itself. */
export async function openQuietChannel(folder: string): Promise<OpenChannel> {
  let named = 0;
  const opened = await openChannel(folder, {}, { at: (point) => void (named += point === "segment-named" ? 1 : 0) });
  await eventually(() => named === 2, { what: "segment that is made ready" });
  return opened;
}
