/* What the kill test of the file channel kills; it also kills itself at a named point. */
import { liveUntilKilled, runLife, say } from "../../support/kill-life.js";
import type { Failpoint } from "../../../../nodes/channels/file/failpoints.js";
import { openChannel } from "./channels.js";

const [folder = "", firstText = "0", pointName = "", pointCount = "1"] = process.argv.slice(2);

let passed = 0;
function at(point: Failpoint): void {
  if (point === pointName && ++passed === Number(pointCount)) {
    say(`at ${point}`);
    process.kill(process.pid, "SIGKILL");
    // The signal comes at once, but only when this thread is asked: nothing more may be done here.
    for (;;);
  }
}

runLife(async () => {
  const { channel } = await openChannel(folder, { largestSegment: 128 * 1024, capacity: 20_000 }, { at });
  const damaged = channel.damage.filter(({ torn, events: lost }) => !torn && lost !== 0);
  if (damaged.length > 0) say(`damage ${JSON.stringify(damaged)}`);
  setInterval(() => void channel.checkpoint(), 7);
  return await liveUntilKilled(channel, Number(firstText));
});
