import { copyHeaders, createEvent, type FlumeEvent } from "../../../../lib/engine/event.js";
import { batchOf, type EventBatch } from "../../../../lib/engine/batch.js";
import { loadKeys } from "../../../../nodes/channels/file/encryption-keys.js";
import type { FileChannel, FileChannelSettings } from "../../../../nodes/channels/file/file-channel.js";
import { events, put, takeSome } from "../../support/work.js";

export const GOLDEN_KEY = "2a".repeat(32);

/** What a directory kept for ever was written with, and what it must be opened with. */
export interface GoldenCase {
  readonly name: string;
  readonly settings: Partial<FileChannelSettings>;
  /** Written when the channel is closed; without it, as if the process had been killed. */
  readonly close: boolean;
  fill(channel: FileChannel): Promise<void>;
}

const SMALL: Partial<FileChannelSettings> = { largestSegment: 16 * 1024, minimumFree: 0 };

export const goldenCases: readonly GoldenCase[] = [
  { name: "closed", settings: SMALL, close: true, fill: everything },
  { name: "killed", settings: { ...SMALL, checkpointOnClose: false }, close: false, fill: everything },
  {
    name: "encrypted",
    settings: { ...SMALL, keys: () => loadKeys({ active: "golden", secret: `golden=${GOLDEN_KEY}`, file: "" }) },
    close: true,
    fill: everything,
  },
];

/** Every part of the format: headers of all kinds, several segments, takes out of order, a checkpoint in between. */
async function everything(channel: FileChannel): Promise<void> {
  for (let i = 0; i < 12; i++) await put(channel, events(i * 10, 10, 200));
  await put(channel, oddEvents());
  const consumer = channel.connect({ id: "golden", maxLeases: 3 });
  const takes = [];
  for (let i = 0; i < 3; i++) {
    takes.push(await takeSome(consumer, 15));
  }
  await takes[0]?.commit();
  await takes[2]?.commit();
  await channel.checkpoint();
  await put(channel, events(1000, 5));
  await takes[1]?.rollback();
  const last = await takeSome(consumer, 3);
  await last?.commit();
  await consumer.close();
}

function oddEvents(): EventBatch {
  const plain = { host: "a", "": "empty name", empty: "" };
  const wide = { größe: "große", lone: "\ud800", emoji: "🚰" };
  const headers = (from: Record<string, string>) => {
    const made = Object.assign(copyHeaders(), from);
    made["__proto__"] = "an ordinary name";
    return made;
  };
  const shared = headers(plain);
  const all: FlumeEvent[] = [
    createEvent(Buffer.alloc(0)),
    createEvent(Buffer.from([0, 255, 10, 13]), shared),
    createEvent(Buffer.from("same headers"), shared),
    createEvent(Buffer.from("wide"), headers(wide)),
    createEvent(Buffer.from("none again")),
  ];
  return batchOf(all);
}

/** An event as it stands in the expectations. */
export function told({ headers, body }: FlumeEvent): { headers: Record<string, string>; body: string } {
  return { headers: { ...headers }, body: body.toString("base64") };
}
