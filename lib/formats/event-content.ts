import type { EventBatch } from "../engine/batch.js";
import type { Content } from "../engine/content.js";
import type { FlumeEvent } from "../engine/event.js";
import { nextLoopTurn, turnIsOver } from "../engine/turn.js";
import { ChunkWriter, releaseChunk } from "./chunk-writer.js";

/** How one event stands in a file, apart from its neighbours. */
export interface EventWriter {
  /** Bytes that `write` will write. */
  sizeOf(event: FlumeEvent): number;
  write(event: FlumeEvent, out: ChunkWriter): void;
}

/** Full buffers on their way at once while the next is filled. */
const MOST_UNDER_WAY = 2;

/** Events one after the other behind a head, written when they are sent: a batch may hold a hundred megabytes. */
export function eventContent(batch: EventBatch, writer: EventWriter, head?: Buffer): Content {
  let length = head?.length ?? 0;
  for (let i = 0; i < batch.length; i++) length += writer.sizeOf(batch.at(i));
  return { length, sendTo: (to) => send(batch, writer, head, length, to) };
}

async function send(
  batch: EventBatch,
  writer: EventWriter,
  head: Buffer | undefined,
  length: number,
  to: (piece: Buffer) => Promise<void>,
): Promise<void> {
  const out = new ChunkWriter(length);
  const underWay: Promise<void>[] = [];
  const pass = async (pieces: readonly Buffer[]) => {
    for (const piece of pieces) {
      // After a failure nothing is given back: a socket may hold it for a while yet.
      const sent = to(piece).then(() => releaseChunk(piece));
      sent.catch(() => undefined);
      underWay.push(sent);
      if (underWay.length > MOST_UNDER_WAY) await underWay.shift();
    }
  };
  try {
    if (head) out.bytes(head);
    for (let i = 0; i < batch.length; i++) {
      writer.write(batch.at(i), out);
      if (!out.hasFull) continue;
      await pass(out.takeFull());
      if (turnIsOver()) await nextLoopTurn();
    }
    await pass(out.finish());
    await Promise.all(underWay);
  } finally {
    // Whoever hears of a failure may rely on nothing being under way.
    await Promise.allSettled(underWay);
  }
}
