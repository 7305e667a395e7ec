import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { within } from "../../lib/engine/backoff.js";
import { HeadraceError } from "../../lib/engine/errors.js";
import type { DeployPhase } from "../../lib/palette/runtime/deploy-phase.js";
import type { LiveChannel } from "../../lib/palette/runtime/live-channel.js";
import { NodeFace } from "../../lib/palette/runtime/node-face.js";
import type { RedNode } from "../../lib/palette/runtime/node-red.js";
import { drainAndStop } from "../../lib/palette/runtime/shutdown.js";

describe("a time of day that is set back", () => {
  const { now } = Date;
  afterEach(() => {
    Date.now = now;
  });
  let looks = 0;
  const setBackAllTheTime = () => {
    const begun = now();
    Date.now = () => begun - ++looks * 60_000;
  };

  it("does not make the end of the flows wait longer for channels that do not empty", async () => {
    let stopped = false;
    const never: Partial<LiveChannel> = {
      channel: { size: 0, volatileSize: 0 } as LiveChannel["channel"],
      drained: false,
      counterGroup: "CHANNEL",
      pause: () => Promise.resolve(),
      stop: async () => {
        stopped = true;
      },
    };
    setBackAllTheTime();
    assert.ok(await within(20_000, drainAndStop([never as LiveChannel], { headrace: { drainSeconds: 0.1 } })));
    assert.ok(stopped);
  }).timeout(30_000);

  it("does not keep a problem that lasts from being told again", async () => {
    const told: unknown[] = [];
    const face = new NodeFace("node", { running: true } as DeployPhase);
    face.attach({ error: (error: unknown) => void told.push(error) } as unknown as RedNode);
    const problem = new HeadraceError("FLUME_STOPPED");
    setBackAllTheTime();
    face.report(problem);
    face.report(problem);
    assert.equal(told.length, 1, "not twice at once");
    // As long as a problem is told once only.
    await sleep(10_100);
    face.report(problem);
    assert.equal(told.length, 2);
  }).timeout(30_000);
});
