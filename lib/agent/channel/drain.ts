import { batchOfPieces } from "../../engine/event-queue.js";
import { EXIT } from "../exit-codes.js";
import type { ChannelOptions } from "./channel-command.js";
import { counted, damageLine, losesEvents } from "./damage-report.js";
import { eventOutput } from "./event-output.js";
import { openLog } from "./open-log.js";
import { owned, type Storage } from "./storage.js";

/** Events taken at once: each take waits until its events are safe in the output. */
const TAKE = { events: 10_000, bytes: 16 * 1024 * 1024 };

/** Writes every event that waits, in order, and takes it once it is safe where it was written. */
export async function drainChannel(storage: Storage, { format, output }: ChannelOptions): Promise<number> {
  return owned(storage, "change", async (fileSystem) => {
    const opened = await openLog(storage, fileSystem, false);
    const { log, damage, events } = opened;
    const out = await eventOutput(format, output).catch(async (error: unknown) => {
      await log.close(true);
      throw error;
    });
    let written = 0;
    try {
      while (written + opened.lost < events) {
        if (!log.queue.ready) {
          await opened.more();
          continue;
        }
        const pieces = log.queue.take(TAKE);
        const batch = batchOfPieces(pieces);
        await out.write(batch);
        await out.flush();
        await log.take(pieces);
        written += batch.length;
      }
    } finally {
      await out.close();
      await log.close(true);
    }
    for (const part of damage) console.error(damageLine(part));
    console.error(`${counted(written, "event")} written and taken`);
    return damage.some(losesEvents) || opened.lost > 0 ? EXIT.found : EXIT.well;
  });
}
