// A database channel on SQLite by itself, under load, in a process of its own.
//   node database-channel-load.js pass FOLDER BATCH BODY_BYTES MILLISECONDS PUTTERS   puts and takes at full speed
//   node database-channel-load.js hold FOLDER BATCH BODY_BYTES EVENTS                 puts them all, then takes them all
import { openDatabaseChannel } from "../../test/channels/database/support/channels.js";
import { fill, given, ofProcess, pass, takeOut, watchLoop } from "./channel-load.js";

const { mode, folder, more } = given;
const [putters = 1] = more;

const open = () => openDatabaseChannel(folder, { keepAlive: 10, capacity: 2_000_000 });

async function hold(): Promise<unknown> {
  const { channel } = await open();
  watchLoop();
  await fill(channel);
  const { peakRss } = ofProcess();
  await channel.stop();
  const measured = await takeOut(open);
  return { ...measured, ...ofProcess(), peakRss };
}

async function main(): Promise<void> {
  const measured = mode === "pass" ? await pass((await open()).channel, putters) : await hold();
  console.log(JSON.stringify(measured));
}

void main();
