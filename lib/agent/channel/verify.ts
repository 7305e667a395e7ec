import { EXIT } from "../exit-codes.js";
import type { ChannelOptions } from "./channel-command.js";
import { counted, damageLine } from "./damage-report.js";
import { owned, readStorage, type Storage } from "./storage.js";

/** Reads every record, whatever a checkpoint says. */
export async function verifyChannel(storage: Storage, { json }: ChannelOptions): Promise<number> {
  const { damage, transactions, entries, segments } = await owned(storage, "read", () =>
    readStorage(storage, { withCheckpoint: false }),
  );
  if (json) {
    console.log(
      JSON.stringify({ sound: damage.length === 0, transactions, events: entries.events, damage }, undefined, 2),
    );
  } else {
    for (const part of damage) console.log(damageLine(part));
    const verdict = damage.length === 0 ? "sound" : counted(damage.length, "damaged part");
    console.log(
      `${counted(segments.length, "segment")}, ${counted(transactions, "record")}, ${counted(entries.events, "event")} waiting: ${verdict}`,
    );
  }
  return damage.length === 0 ? EXIT.well : EXIT.found;
}
