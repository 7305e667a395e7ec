import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
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

  /** Events that were committed before they were written, or are never written. */
  async function broken(oracle: Oracle, guard: keyof typeof flows): Promise<number> {
    await oracle.nodeRed.deploy([
      tab(),
      oracleChannel("c", ["n"], { settleWithin: 2 }),
      ...flows[guard],
      oracleSink("s"),
    ]);
    await oracle.feed("c", { batches: BATCHES, size: SIZE });
    const { channels } = await oracle.settled("c", BATCHES);
    return channels["c"]?.premature.length ?? 0;
  }

  for (const guard of Object.keys(flows) as (keyof typeof flows)[]) {
    it(guard, async () => {
      assert.ok((await withOracle(guard, (oracle) => broken(oracle, guard))) > 0, `without ${guard} all is well`);
      assert.equal(await withOracle("", (oracle) => broken(oracle, guard)), 0);
    });
  }

  it("deploys", async () => {
    const found = await withOracle("deploys", async (oracle) => {
      let bad = 0;
      for (let round = 0; round < 6 && bad === 0; round++) {
        const id = `c${round}`;
        await oracle.nodeRed.deploy(longFlow(id));
        await oracle.forget();
        await oracle.feed(id, { batches: BATCHES, size: SIZE });
        await sleep(20);
        await oracle.nodeRed.deploy(longFlow(id, "delay", String(round)), "nodes");
        await sleep(1000);
        const { channels, written } = await oracle.report();
        const found = channels[id];
        for (const batch of found?.committed ?? [])
          for (let i = 0; i < SIZE; i++) if (!written[`${id}:${batch}:${i}`]) bad++;
        bad += found?.premature.length ?? 0;
      }
      return bad;
    });
    assert.ok(found > 0, "without the rules for deploys all is well");
  });
});
