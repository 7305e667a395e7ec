/* What the kill tests of the database channel kill. The folder's place may be a server's URL. */
import { liveUntilKilled, runLife } from "../../support/kill-life.js";
import { openDatabaseChannel } from "./channels.js";

const [place = "", firstText = "0"] = process.argv.slice(2);

runLife(async () => {
  const settings = place.startsWith("jdbc:") ? { dbType: "POSTGRESQL", url: place, username: "flume" } : {};
  const { channel } = await openDatabaseChannel(place, { capacity: 20_000, ...settings });
  return await liveUntilKilled(channel, Number(firstText));
});
