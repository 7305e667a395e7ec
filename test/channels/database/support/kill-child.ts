/* What the kill tests of the database channel kill. The folder's place may be a server's URL. */
import { setTimeout as sleep } from "node:timers/promises";
import { isHeadraceError } from "../../../../lib/engine/errors.js";
import { liveUntilKilled, runLife } from "../../support/kill-life.js";
import { databaseChannel } from "./channels.js";

const [place = "", firstText = "0"] = process.argv.slice(2);

runLife(async () => {
  const settings = place.startsWith("jdbc:") ? { dbType: "POSTGRESQL", url: place, username: "flume" } : {};
  const { channel } = databaseChannel(place, { capacity: 20_000, ...settings });
  for (let open = false; !open; ) {
    open = await channel.start().then(
      () => true,
      async (error: unknown) => {
        // A busy server needs its time to notice that a process was killed; Node-RED tries again, too.
        if (!isHeadraceError(error) || error.code !== "FLUME_DATABASE_IN_USE") throw error;
        await sleep(100);
        return false;
      },
    );
  }
  return await liveUntilKilled(channel, Number(firstText));
});
