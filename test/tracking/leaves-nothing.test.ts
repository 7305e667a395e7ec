import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { tab } from "../support/flow-nodes.js";
import type { FlowNode } from "../support/node-red.js";
import { change, delay, javascript, join, route, rule } from "./support/core-nodes.js";
import { core, Oracle, oracleChannel, oracleSink } from "./support/oracle.js";

const BATCHES = 40;
const SIZE = 3;

/** Every kind of node that tracking has a rule of its own for, on the tab of the channel and in a subflow. */
const path: readonly FlowNode[] = [
  change("n", ["f"]),
  javascript("setTimeout(() => node.send({ payload: msg.payload }), 2); return null;", [["w"]], "f"),
  route([rule("nempty")], {}, "w", [["sub"]]),
  core("subflow:sf", "sub", [["j"]]),
  join({ count: "3", timeout: "0.1" }, "j", ["r"]),
  core("rbe", "r", [["s"]], { func: "rbe", gap: "", start: "", inout: "out", septopics: false, property: "payload" }),
  oracleSink("s"),
  {
    id: "sf",
    type: "subflow",
    name: "sub",
    in: [{ x: 50, y: 30, wires: [{ id: "sd" }] }],
    out: [{ x: 250, y: 30, wires: [{ id: "sd", port: 0 }] }],
  },
  { ...delay({ timeout: "3" }, "sd", []), z: "sf" },
];

const flow = (tracking: "tracked" | "handOver"): FlowNode[] => [
  tab(),
  oracleChannel("c", ["n"], { tracking, settleWithin: 5 }),
  ...path,
];

for (const version of ["5", "4.1"] as const) {
  describe(`Tracked paths that have gone, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let oracle: Oracle;

    beforeEach(async function () {
      this.timeout(60_000);
      oracle = await Oracle.start({ version, flows: flow("handOver") });
    });
    afterEach(async function () {
      this.timeout(60_000);
      await oracle.stop();
    });

    it("leave no hook and no replaced function behind on nodes that stay", async () => {
      const before = await oracle.shapes();
      const { hooks } = await oracle.report();
      assert.deepEqual(hooks, []);
      await oracle.nodeRed.deploy(flow("tracked"), "nodes");
      await oracle.feed("c", { batches: BATCHES, size: SIZE });
      const report = await oracle.settled("c", BATCHES);
      assert.deepEqual(report.channels["c"]?.premature, []);
      assert.deepEqual(report.hooks, ["preDeliver", "onReceive", "postReceive"]);
      assert.notDeepEqual(await oracle.shapes(), before, "this test looks at nothing that tracking changes");
      await oracle.nodeRed.deploy(flow("handOver"), "nodes");
      await oracle.idle();
      assert.deepEqual((await oracle.report()).hooks, []);
      assert.deepEqual(await oracle.shapes(), before);
    });

    it("the same when they go with batches on their way, which end first", async () => {
      const before = await oracle.shapes();
      await oracle.nodeRed.deploy(flow("tracked"), "nodes");
      await oracle.feed("c", { batches: BATCHES, size: SIZE });
      await sleep(10);
      await oracle.nodeRed.deploy(flow("handOver"), "nodes");
      const report = await oracle.settled("c", BATCHES);
      assert.equal(Object.keys(report.written).length, BATCHES * SIZE);
      await oracle.idle();
      assert.deepEqual((await oracle.report()).hooks, []);
      assert.deepEqual(await oracle.shapes(), before);
    });
  });
}
