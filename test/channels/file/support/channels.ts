import { batchOf, type EventBatch } from "../../../../lib/engine/batch.js";
import type { Consumer } from "../../../../lib/engine/contracts.js";
import { createEvent } from "../../../../lib/engine/event.js";
import { NEVER } from "../../../../lib/engine/delivery.js";
import {
  FileChannel,
  type FileChannelSettings,
  type FileChannelSurroundings,
} from "../../../../nodes/channels/file/file-channel.js";
import { type TestContext, testContext } from "../../../support/component-context.js";
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

export async function put(channel: FileChannel, batch: EventBatch): Promise<void> {
  const prepared = await channel.prepare(batch, NEVER);
  await prepared.commit();
}

export function events(first: number, length: number, bodyBytes = 0): EventBatch {
  return batchOf(Array.from({ length }, (_, i) => createEvent(Buffer.from(String(first + i).padEnd(bodyBytes, ".")))));
}

export function numbersOf(batch: EventBatch): number[] {
  return [...batch].map((event) => Number.parseInt(event.body.toString(), 10));
}

/** Takes and commits until nothing comes for `patience` milliseconds. */
export async function drain(channel: FileChannel, most = 1000, patience = 300): Promise<number[]> {
  const consumer = channel.connect({ id: "drain", maxLeases: 1 });
  const numbers: number[] = [];
  while (channel.size > 0) {
    const take = await takeSome(consumer, most, patience);
    if (!take) break;
    numbers.push(...numbersOf(take.batch));
    await take.commit();
  }
  await consumer.close();
  return numbers;
}

export function takeSome(consumer: Consumer, most = 1000, patience = 300) {
  return consumer.take({ events: most, bytes: Number.POSITIVE_INFINITY }, AbortSignal.timeout(patience));
}
