import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { javascript, tab } from "../support/flow-nodes.js";
import type { FlowNode } from "../support/node-red.js";
import { join, route, rule } from "./support/core-nodes.js";
import { longFlow } from "./support/long-flow.js";
import { core, Oracle, oracleChannel, oracleSink } from "./support/oracle.js";

const BATCHES = 40;
const SIZE = 3;

const slow = (id: string, to: string) =>
  javascript(id, "await new Promise((r) => setTimeout(r, 5)); return { payload: msg.payload };", [[to]]);

/** Flows that are right only because of one rule. */
const flows: Readonly<Record<"switchTurns" | "joinGroups" | "childRecords", readonly FlowNode[]>> = {
  switchTurns: [route([rule("nempty")], {}, "n", [["w"]]), slow("w", "s")],
  joinGroups: [join({ count: "4" }, "n", ["w"]), slow("w", "s")],
  childRecords: [core("test-fresh", "n", [["w"]]), slow("w", "s")],
};

describe("Tracked paths with a rule taken out: the tests would notice", function () {
  this.timeout(120_000);

  async function withOracle<T>(without: string, use: (oracle: Oracle) => Promise<T>): Promise<T> {
    const oracle = await Oracle.start({ without, flows: [tab()] });
    try {
      return await use(oracle);
    } finally {
      await oracle.stop();
    }
  }

  /** Events that were committed before they were written. The flow itself loses none: all are written in the end. */
  async function early(oracle: Oracle, guard: keyof typeof flows): Promise<number> {
    await oracle.nodeRed.deploy([
      tab(),
      oracleChannel("c", ["n"], { settleWithin: 10 }),
      ...flows[guard],
      oracleSink("s"),
    ]);
    await oracle.feed("c", { batches: BATCHES, size: SIZE });
    const { channels } = await oracle.settled("c", BATCHES);
    await eventually(async () => Object.keys((await oracle.report()).written).length === BATCHES * SIZE);
    return channels["c"]?.premature.length ?? 0;
  }

  for (const guard of Object.keys(flows) as (keyof typeof flows)[]) {
    it(guard, async () => {
      assert.ok((await withOracle(guard, (oracle) => early(oracle, guard))) > 0, `without ${guard} all is well`);
      assert.equal(await withOracle("", (oracle) => early(oracle, guard)), 0);
    });
  }

  /** Deploys a Delay anew that has messages. @returns events that were committed, and are never written */
  async function lost(oracle: Oracle, id: string): Promise<number> {
    await oracle.nodeRed.deploy(longFlow(id));
    await oracle.forget();
    await oracle.feed(id, { batches: BATCHES, size: SIZE });
    await eventually(async () => (await oracle.report()).kept > BATCHES);
    await oracle.nodeRed.deploy(longFlow(id, "delay", "again"), "nodes");
    await oracle.settled(id, BATCHES, 60_000);
    await oracle.idle(20_000);
    // The last are with the sink, which is quick; what has not come by then was in the Delay.
    await sleep(2000);
    return BATCHES * SIZE - Object.keys((await oracle.report()).written).length;
  }

  it("deploys", async () => {
    const rounds = ["c0", "c1", "c2", "c3", "c4", "c5"];
    const found = await withOracle("deploys", async (oracle) => {
      for (const id of rounds) {
        const events = await lost(oracle, id);
        if (events > 0) return events;
      }
      return 0;
    });
    assert.ok(found > 0, "without the rules for deploys nothing is lost");
    assert.equal(await withOracle("", (oracle) => lost(oracle, "c")), 0);
  });
});
