import { EXIT } from "../exit-codes.js";
import type { ChannelOptions } from "./channel-command.js";
import { counted, damageLine } from "./damage-report.js";
import { owned, readStorage, type Storage } from "./storage.js";

/** What is in a channel, told from its checkpoint where it has one: damage before that shows only in `verify`. */
export async function inspectChannel(storage: Storage, { json }: ChannelOptions): Promise<number> {
  const found = await owned(storage, "read", () => readStorage(storage, { withCheckpoint: true }));
  const { segments, spares, entries, nextEvent, settled, damage, fromCheckpoint } = found;
  const report = {
    events: entries.events,
    transactions: entries.length,
    putSoFar: nextEvent,
    oldest: entries.length > 0 ? entries.at(0).first : undefined,
    takenUpTo: settled.watermark,
    damaged: damage,
    fromCheckpoint,
    spareFiles: spares.length,
    bytes: [...segments, ...spares].reduce((sum, { size }) => sum + size, 0),
    segments: segments.map(({ path, size, tail, header }) => ({
      file: path,
      bytes: size,
      used: tail,
      key: header.keyName || undefined,
    })),
  };
  const code = damage.length === 0 ? EXIT.well : EXIT.found;
  if (json) {
    console.log(JSON.stringify(report, undefined, 2));
    return code;
  }
  console.log(`${counted(report.events, "event")} in ${counted(report.transactions, "transaction")}`);
  console.log(
    `numbers: next ${report.putSoFar}, oldest ${report.oldest ?? "none"}, all taken below ${report.takenUpTo}`,
  );
  console.log(
    `${counted(segments.length, "segment")}, ${counted(spares.length, "spare file")}, ${counted(report.bytes, "byte")}`,
  );
  for (const { file, bytes, used, key } of report.segments) {
    console.log(`  ${file}  ${used} of ${bytes} bytes used${key === undefined ? "" : `, key ${key}`}`);
  }
  for (const part of damage) console.log(damageLine(part));
  const { checkpointDirectory } = storage;
  console.log(
    fromCheckpoint
      ? `checkpoint: used, from ${checkpointDirectory}; what it covers was not read`
      : `checkpoint: none that fits in ${checkpointDirectory}; everything was read`,
  );
  return code;
}
