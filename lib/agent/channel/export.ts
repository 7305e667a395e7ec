import type { Entry } from "../../../nodes/channels/file/entry-queue.js";
import { realFileSystem } from "../../../nodes/channels/file/file-system.js";
import { SegmentReader } from "../../../nodes/channels/file/segment-reader.js";
import { joinBatches } from "../../engine/batch.js";
import { EXIT } from "../exit-codes.js";
import type { ChannelOptions } from "./channel-command.js";
import { counted, damageLine, losesEvents } from "./damage-report.js";
import { eventOutput } from "./event-output.js";
import { owned, readStorage, type Storage } from "./storage.js";

/** Of the log, read at once. */
const RUN_BYTES = 1024 * 1024;

/** Writes every event that waits, in order, and changes nothing. */
export async function exportChannel(storage: Storage, { format, output }: ChannelOptions): Promise<number> {
  return owned(storage, "read", async () => {
    const { entries, segments, damage } = await readStorage(storage, { withCheckpoint: false });
    const reader = new SegmentReader(realFileSystem, (id) => segments.find((segment) => segment.id === id));
    const out = await eventOutput(format, output);
    let written = 0;
    for (const run of runsOf(entries)) {
      const batches = (await reader.read(run)).filter((batch) => batch !== undefined);
      const batch = joinBatches(batches);
      if (batch.length > 0) await out.write(batch);
      written += batch.length;
    }
    await out.flush();
    await out.close();
    await reader.close();
    for (const part of damage) console.error(damageLine(part));
    console.error(`${counted(written, "event")} written`);
    return damage.some(losesEvents) || written < entries.events ? EXIT.found : EXIT.well;
  });
}

/** Entries that lie behind each other in one segment, so that one read brings them all. */
function* runsOf(entries: Iterable<Entry>): Iterable<Entry[]> {
  let run: Entry[] = [];
  for (const entry of entries) {
    const [first] = run;
    const last = run.at(-1);
    const follows =
      first &&
      last &&
      entry.segment === first.segment &&
      entry.offset >= last.offset + last.length &&
      entry.offset + entry.length - first.offset <= RUN_BYTES;
    if (!follows && run.length > 0) {
      yield run;
      run = [];
    }
    run.push(entry);
  }
  if (run.length > 0) yield run;
}
