/*
 * A channel on another machine, as far as its lock tells: DIRECTORY. Puts one event after the other, and says of each
 * "put NUMBER" or "refused CODE HELD".
 */
import os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { isHeadraceError } from "../../../../lib/engine/errors.js";
import { events, put } from "../../support/work.js";
import { openChannel } from "./channels.js";

const [folder = ""] = process.argv.slice(2);

async function main(): Promise<void> {
  os.hostname = () => "elsewhere";
  const { channel } = await openChannel(folder);
  for (let number = 0; ; number++) {
    await put(channel, events(number, 1)).then(
      () => console.log(`put ${number}`),
      (error: unknown) => console.log(`refused ${isHeadraceError(error) ? error.code : String(error)} ${channel.size}`),
    );
    await sleep(5);
  }
}

void main();
