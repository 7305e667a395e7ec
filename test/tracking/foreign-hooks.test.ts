import { strict as assert } from "node:assert";
import { javascript, tab } from "../support/flow-nodes.js";
import type { FlowNode } from "../support/node-red.js";
import { core, type Misbehaviour, Oracle, oracleChannel, oracleSink } from "./support/oracle.js";

const BATCHES = 20;
const SIZE = 3;

const flow = (id: string): FlowNode[] => [
  tab(),
  oracleChannel(id, ["n"], { settleWithin: 1 }),
  core("change", "n", [["f"]], { rules: [{ t: "set", p: "x", pt: "msg", to: "1", tot: "num" }] }),
  javascript("f", "return { payload: msg.payload };", [["w"]]),
  core("switch", "w", [["s"]], {
    property: "payload",
    propertyType: "msg",
    rules: [{ t: "nempty" }],
    checkall: "true",
    repair: false,
    outputs: 1,
  }),
  oracleSink("s"),
];

for (const version of ["5", "4.1"] as const) {
  describe(`Tracked paths beside hooks of other modules, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let oracle: Oracle;

    before(async function () {
      this.timeout(60_000);
      oracle = await Oracle.start({ version, flows: [tab()] });
    });
    after(async function () {
      this.timeout(60_000);
      await oracle.misbehave("none");
      await oracle.stop();
    });

    for (const misbehaviour of ["delay", "drop", "throw"] as const satisfies readonly Misbehaviour[]) {
      for (const order of ["before", "after"] as const) {
        it(`hooks that ${misbehaviour}, registered ${order} ours: nothing is committed too early, nothing is lost`, async () => {
          const id = `${misbehaviour}-${order}`.replace("-", "_");
          await oracle.misbehave("none");
          await oracle.nodeRed.deploy([tab()]);
          assert.equal((await oracle.report()).installed, false);
          if (order === "before") await oracle.misbehave(misbehaviour);
          await oracle.nodeRed.deploy(flow(id));
          if (order === "after") await oracle.misbehave(misbehaviour);
          await oracle.forget();
          await oracle.feed(id, { batches: BATCHES, size: SIZE });
          const report = await oracle.settled(id, BATCHES, 40_000);
          assert.deepEqual(report.channels[id]?.premature, []);
          assert.equal(Object.keys(report.written).length, BATCHES * SIZE);
          assert.ok(report.hooked > BATCHES * SIZE, "the other module's hooks were called as well");
          await oracle.idle();
        });
      }
    }
  });
}
