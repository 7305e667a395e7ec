// A file channel by itself, under load, in a process of its own.
//   node file-channel-load.js pass FOLDER BATCH BODY_BYTES MILLISECONDS PUTTERS SYNC_DELAY   puts and takes at full speed
//   node file-channel-load.js fill FOLDER BATCH BODY_BYTES EVENTS     puts, prints {"peakRss":…}, and kills itself
//   node file-channel-load.js open FOLDER BATCH BODY_BYTES EVENTS     opens what fill left; takes it all
import { setTimeout as sleep } from "node:timers/promises";
import { realFileSystem } from "../../nodes/channels/file/file-system.js";
import { LARGEST_SIZE } from "../../nodes/channels/file/segment-store.js";
import { withFiles } from "../../test/channels/file/support/altered-files.js";
import { openChannel } from "../../test/channels/file/support/channels.js";
import { fill, given, ofProcess, pass, takeOut, watchLoop } from "./channel-load.js";

const { mode, folder, more } = given;
const [putters = 1, syncDelay = 0] = more;

/** The disk of this machine, with so many milliseconds more for each sync: what other disks take. */
const slower = (milliseconds: number) =>
  withFiles(realFileSystem, (file) => ({
    sync: async () => {
      await file.sync();
      await sleep(milliseconds);
    },
  }));

const open = () =>
  openChannel(
    folder,
    { largestSegment: LARGEST_SIZE, capacity: 2_000_000, keepAlive: 10 },
    { fileSystem: syncDelay > 0 ? slower(syncDelay) : realFileSystem },
  );

async function main(): Promise<void> {
  if (mode === "pass") {
    const { channel } = await open();
    console.log(JSON.stringify(await pass(channel, putters)));
  } else if (mode === "fill") {
    const { channel } = await open();
    watchLoop();
    const eventsPerSecond = await fill(channel);
    console.log(JSON.stringify({ eventsPerSecond, ...ofProcess() }));
    setImmediate(() => process.kill(process.pid, "SIGKILL"));
  } else {
    watchLoop();
    const measured = await takeOut(open);
    console.log(JSON.stringify({ ...measured, ...ofProcess() }));
  }
}

void main();
