import { EXIT } from "../exit-codes.js";
import type { ChannelOptions } from "./channel-command.js";
import { damageLine } from "./damage-report.js";
import { owned, readStorage, type Storage } from "./storage.js";

/** Reads every record, whatever a checkpoint says. */
export async function verifyChannel(storage: Storage, { json }: ChannelOptions): Promise<number> {
  const { damage, transactions, entries, segments } = await owned(storage, () =>
    readStorage(storage, { withCheckpoint: false }),
  );
  if (json) {
    console.log(
      JSON.stringify({ sound: damage.length === 0, transactions, events: entries.events, damage }, undefined, 2),
    );
  } else {
    for (const part of damage) console.log(damageLine(part));
    const verdict = damage.length === 0 ? "sound" : `${damage.length} damaged parts`;
    console.log(`${segments.length} segments, ${transactions} records, ${entries.events} events waiting: ${verdict}`);
  }
  return damage.length === 0 ? EXIT.well : EXIT.found;
}
