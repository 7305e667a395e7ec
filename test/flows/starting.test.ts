import { strict as assert } from "node:assert";
import { rm, writeFile } from "node:fs/promises";
import type { ChannelComponent, SinkComponent } from "../../lib/engine/component.js";
import type { Channel, Sink } from "../../lib/engine/contracts.js";
import type { DeployPhase } from "../../lib/palette/runtime/deploy-phase.js";
import { liveChannel } from "../../lib/palette/runtime/live-channel.js";
import type { LiveNode } from "../../lib/palette/runtime/live-node.js";
import { liveSink } from "../../lib/palette/runtime/live-sink.js";
import { NodeFace } from "../../lib/palette/runtime/node-face.js";
import type { NodeRed as Red } from "../../lib/palette/runtime/node-red.js";
import type { NodeSettings } from "../../lib/palette/runtime/node-settings.js";
import { eventually } from "../support/eventually.js";
import { memory, seq, tab } from "../support/flow-nodes.js";
import { Gate } from "../support/gate.js";
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

describe("the status of what opens slowly", () => {
  const phase = { running: true } as DeployPhase;
  const settings = { face: new NodeFace("slow", phase), config: {}, id: "slow", ports: [] as const, shared: {} };
  const kinds: Record<string, { readonly open: string; readonly make: (start: () => Promise<void>) => LiveNode }> = {
    channel: {
      open: "0 % · power-safe",
      make: (start) => {
        const channel: Partial<Channel> = { start, stop: () => Promise.resolve(), size: 0, capacity: 10 };
        const component = { properties: {}, durability: "power-loss", create: () => channel };
        const ready = () => undefined;
        const known = settings as unknown as NodeSettings;
        return liveChannel(component as unknown as ChannelComponent, known, phase, undefined, ready);
      },
    },
    sink: {
      open: "0/s",
      make: (start) => {
        const sink: Partial<Sink> = { start, stop: () => Promise.resolve(), maxInFlight: 1 };
        const component = { properties: {}, create: () => sink };
        const known = settings as unknown as NodeSettings;
        return liveSink(component as unknown as SinkComponent, known, {} as Red, phase, undefined);
      },
    },
  };
  for (const [kind, { open, make }] of Object.entries(kinds)) {
    it(`${kind}: "starting" until it is open`, async () => {
      const gate = new Gate();
      const node = make(() => gate.opened);
      const starting = { fill: "grey", shape: "ring", text: "starting" };
      assert.deepEqual(node.status(0), starting);
      node.settle();
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(node.status(0), starting, "it has begun, and is not open");
      gate.open();
      await eventually(() => node.status(0).text !== "starting");
      assert.deepEqual([node.status(0).fill, node.status(0).text], ["green", open]);
      await node.stop();
    });
  }
});
