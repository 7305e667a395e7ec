import { EXIT } from "../exit-codes.js";
import type { ChannelOptions } from "./channel-command.js";
import { owned, readStorage, type Storage } from "./storage.js";

/** What is in a channel, told from its checkpoint where it has one. */
export async function inspectChannel(storage: Storage, { json }: ChannelOptions): Promise<number> {
  const found = await owned(storage, () => readStorage(storage, { withCheckpoint: true }));
  const { segments, spares, entries, nextEvent, settled, damage, fromCheckpoint } = found;
  const report = {
    events: entries.events,
    transactions: entries.length,
    putSoFar: nextEvent,
    oldest: entries.length > 0 ? entries.at(0).first : undefined,
    takenUpTo: settled.watermark,
    damagedParts: damage.length,
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
  if (json) {
    console.log(JSON.stringify(report, undefined, 2));
    return EXIT.well;
  }
  console.log(`${report.events} events in ${report.transactions} transactions`);
  console.log(
    `numbers: next ${report.putSoFar}, oldest ${report.oldest ?? "none"}, all taken below ${report.takenUpTo}`,
  );
  console.log(`${segments.length} segments, ${spares.length} spare files, ${report.bytes} bytes`);
  for (const { file, bytes, used, key } of report.segments) {
    console.log(`  ${file}  ${used} of ${bytes} bytes used${key === undefined ? "" : `, key ${key}`}`);
  }
  console.log(fromCheckpoint ? "checkpoint: used" : "checkpoint: none that fits; everything was read");
  return EXIT.well;
}
