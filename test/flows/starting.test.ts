import { strict as assert } from "node:assert";
import { rm, writeFile } from "node:fs/promises";
import { eventually } from "../support/eventually.js";
import { memory, seq, tab } from "../support/flow-nodes.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { useTempDir } from "../support/temp-dir.js";

const EVENTS = 500;

describe("a channel that starts late", function () {
  this.timeout(180_000);
  const temp = useTempDir();

  const ways: Record<string, (to: string[]) => FlowNode[]> = {
    directly: (to) => [seq("source", to, { batchSize: 10, totalEvents: EVENTS })],
    "behind interceptors": (to) => [
      seq("source", ["interceptors"], { batchSize: 10, totalEvents: EVENTS }),
      { id: "interceptors", type: "flume-interceptors", z: "tab", name: "", interceptors: [], wires: [to] },
    ],
  };
  for (const [way, nodes] of Object.entries(ways)) {
    it(`gets every event that its neighbour on the wire gets (${way})`, async () => {
      const occupied = temp().file("occupied");
      await writeFile(occupied, "a file where a directory is to be");
      const late = { type: "flume-file-channel", minimumRequiredSpace: 1_048_576, dataDirs: occupied };
      const nodeRed = await NodeRed.start({
        flows: [tab(), ...nodes(["early", "late"]), memory("early", []), { ...memory("late", []), ...late }],
      });
      const counted = async (id: string, counter: string) => {
        const metrics = await nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
        return Number(metrics[`CHANNEL.${id}`]?.[counter]);
      };
      await nodeRed.waitForLog(/occupied/);
      assert.equal(await counted("early", "EventPutSuccessCount"), 0, "nothing is put before both can take it");
      await rm(occupied);
      await eventually(async () => (await counted("late", "EventPutSuccessCount")) === EVENTS);
      assert.equal(await counted("early", "EventPutSuccessCount"), EVENTS);
      await nodeRed.stop();
    });
  }
});
