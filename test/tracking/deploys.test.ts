import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import type { DeploymentType, FlowNode } from "../support/node-red.js";
import { tab } from "../support/flow-nodes.js";
import { change, javascript, join, split } from "./support/core-nodes.js";
import { core, Oracle, oracleChannel, oracleSink } from "./support/oracle.js";
import { longFlow, type LongFlowPart } from "./support/long-flow.js";

const BATCHES = 60;
const SIZE = 3;
/** Deploys in all, over both Node-RED lines; HEADRACE_DEPLOYS=200 for the long run. */
const DEPLOYS = Number(process.env["HEADRACE_DEPLOYS"] ?? 60);

interface Kind {
  readonly name: string;
  readonly type: DeploymentType;
  readonly changes: LongFlowPart | "other tab" | "nothing";
}

const kinds: readonly Kind[] = [
  { name: "modified nodes, on another tab", type: "nodes", changes: "other tab" },
  { name: "modified nodes, the delay", type: "nodes", changes: "delay" },
  { name: "modified nodes, the slow function", type: "nodes", changes: "slow" },
  { name: "modified nodes, the function with timers", type: "nodes", changes: "timers" },
  { name: "modified nodes, the join", type: "nodes", changes: "join" },
  { name: "modified nodes, the subflow", type: "nodes", changes: "subflow" },
  { name: "modified nodes, the sink", type: "nodes", changes: "sink" },
  { name: "modified flows, its own tab", type: "flows", changes: "delay" },
  { name: "modified flows, another tab", type: "flows", changes: "other tab" },
  { name: "full", type: "full", changes: "nothing" },
];

for (const version of ["5", "4.1"] as const) {
  describe(`Tracked paths: deploys in mid-flight, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let oracle: Oracle;
    let run = 0;

    before(async function () {
      this.timeout(60_000);
      oracle = await Oracle.start({ version, flows: [tab()] });
    });
    after(async function () {
      this.timeout(60_000);
      await oracle.stop();
    });

    for (const kind of kinds) {
      it(kind.name, async function () {
        this.timeout(600_000);
        let caught = 0;
        const rounds = Math.max(1, Math.round(DEPLOYS / kinds.length / 2));
        for (let round = 0; round < rounds; round++) {
          run++;
          const id = `c${run}`;
          await oracle.nodeRed.deploy(longFlow(id));
          await oracle.forget();
          await oracle.feed(id, { batches: BATCHES, size: SIZE });
          await sleep(5 + Math.random() * 60);
          await oracle.nodeRed.deploy(longFlow(id, kind.changes, `${round}.${Math.random()}`), kind.type);
          const report = await oracle.settled(id, BATCHES, 30_000);
          const { premature } = report.channels[id] ?? {};
          const times = Object.values(report.written);
          const more = times.reduce((sum, count) => sum + count - 1, 0);
          assert.deepEqual(premature, [], `${kind.name}: committed before it was written`);
          assert.equal(times.length, BATCHES * SIZE, `${kind.name}: lost`);
          const [underWay = 0] = report.caught;
          caught += underWay;
          assert.ok(more <= underWay, `${kind.name}: ${more} duplicates of ${underWay} events under way`);
          if (kind.changes === "other tab") assert.equal(more, 0, "an unrelated change has no effect");
          await oracle.idle();
        }
        assert.ok(caught > 0, "no deploy came in mid-flight");
      });
    }

    it("a deploy with an unknown node type rolls back at once what it has stopped", async () => {
      await oracle.nodeRed.deploy(longFlow("u"));
      await oracle.forget();
      await oracle.feed("u", { batches: BATCHES, size: SIZE });
      await sleep(20);
      const unknown: FlowNode = { id: "unknown", type: "no-such-type", z: "tab", wires: [] };
      const { started } = await oracle.nodeRed.deploy([...longFlow("u", "delay", "x"), unknown], "nodes");
      assert.equal(started, false);
      // What was stopped is tried again from time to time, and fails again.
      await oracle.idle(15_000);
      await oracle.nodeRed.deploy(longFlow("u"), "full");
      const report = await oracle.settled("u", BATCHES);
      assert.deepEqual(report.channels["u"]?.premature, []);
      assert.equal(Object.keys(report.written).length, BATCHES * SIZE);
    });

    it("a deploy that throws a part of a group away: the events come again at once, though a Join keeps the other parts", async () => {
      const flow = (slow: string): FlowNode[] => [
        tab(),
        oracleChannel("p", ["n"], { settleWithin: 600 }),
        split("n", ["w"]),
        javascript("return msg.parts.index === 0 ? [msg, null] : [null, msg];", [["j"], ["slow"]], "w"),
        javascript(slow, [["j"]], "slow"),
        join({ mode: "auto" }, "j"),
        oracleSink("s"),
      ];
      await oracle.nodeRed.deploy(flow("await new Promise(() => undefined);"));
      await oracle.forget();
      await oracle.feed("p", { batches: 3, size: SIZE, text: "{id}-x" });
      // Of each event its record, a part in the Join, and one in the Function.
      await eventually(async () => (await oracle.report()).kept === 3 * 3 * SIZE);
      await oracle.nodeRed.deploy(flow("return msg;"), "nodes");
      const { channels, written } = await oracle.settled("p", 3);
      assert.deepEqual(channels["p"]?.premature, []);
      assert.deepEqual(Object.values(written), new Array(3 * SIZE).fill(1));
      await oracle.idle();
    });

    it("what the other half of a pair sends while its target is being replaced comes again", async () => {
      const flow = (name: string): FlowNode[] => [
        tab(),
        oracleChannel("pd", ["n"]),
        javascript("await new Promise((r) => setTimeout(r, Math.random() * 2000)); return msg;", [["in"]]),
        core("test-portal-in", "in", [], { exit: "out", when: "after" }),
        core("test-portal-out", "out", [["c"]]),
        { ...change("c", ["s"]), name },
        oracleSink("s"),
        // Until this has closed, nothing that the deploy replaces is there again.
        core("test-portal-out", "slow", [], { closesAfter: 300, name }),
      ];
      await oracle.nodeRed.deploy(flow(""));
      await oracle.forget();
      await oracle.feed("pd", { batches: BATCHES, size: SIZE });
      await eventually(async () => Object.keys((await oracle.report()).written).length > 0);
      await oracle.nodeRed.deploy(flow("again"), "nodes");
      const { channels, written } = await oracle.settled("pd", BATCHES, 30_000);
      assert.deepEqual(channels["pd"]?.premature, []);
      assert.equal(Object.keys(written).length, BATCHES * SIZE);
      await oracle.idle();
    });

    it("hooks are there only while something is tracked", async () => {
      assert.equal((await oracle.report()).installed, true);
      await oracle.nodeRed.deploy([tab(), oracleChannel("w", ["s"]), oracleSink("s"), core("debug", "d", [])]);
      const { installed, kept } = await oracle.report();
      assert.deepEqual({ installed, kept }, { installed: false, kept: 0 });
      await oracle.nodeRed.deploy([
        tab(),
        oracleChannel("w", ["s", "n"]),
        oracleSink("s"),
        core("change", "n", [[]], { rules: [] }),
      ]);
      assert.equal((await oracle.report()).installed, true);
    });
  });
}
