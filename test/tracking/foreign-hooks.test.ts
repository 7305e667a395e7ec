import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { javascript, tab } from "../support/flow-nodes.js";
import type { FlowNode } from "../support/node-red.js";
import { route, rule } from "./support/core-nodes.js";
import { core, type Misbehaviour, Oracle, oracleChannel, oracleSink } from "./support/oracle.js";

const BATCHES = 20;
const SIZE = 3;

const flow = (id: string, settings: Record<string, unknown> = {}): FlowNode[] => [
  tab(),
  oracleChannel(id, ["n"], { settleWithin: 1, ...settings }),
  core("change", "n", [["f"]], { rules: [{ t: "set", p: "x", pt: "msg", to: "1", tot: "num" }] }),
  javascript("f", "return { payload: msg.payload };", [["w"]]),
  route([rule("nempty")], {}, "w", [["s"]]),
  oracleSink("s"),
];

/** Another flow, which shows what a person's code sees of its messages. */
const bystander: readonly FlowNode[] = [
  core("inject", "i", [["b"]], { props: [{ p: "payload" }], payload: "hello", payloadType: "str" }),
  javascript("b", "return msg;", [["w2"]]),
  route([rule("nempty")], {}, "w2", [["l"]]),
  javascript(
    "l",
    "node.log('bystander ' + Reflect.ownKeys(msg).map(String).sort().join() + ' ' + JSON.stringify({ ...msg, _msgid: 0 })); return null;",
  ),
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

    /** Without any tracked path, and without hooks of the other module. */
    async function fresh(): Promise<void> {
      await oracle.misbehave("none");
      await oracle.nodeRed.deploy([tab()]);
      assert.deepEqual((await oracle.report()).hooks, []);
      await oracle.forget();
    }

    /** What is handed over is committed before it arrives. */
    async function allArrive(id: string, mode = "tracked"): Promise<void> {
      const { channels } = await oracle.settled(id, BATCHES, 40_000);
      if (mode === "tracked") assert.deepEqual(channels[id]?.premature, []);
      const written = async (): Promise<number> => Object.keys((await oracle.report()).written).length;
      await eventually(async () => (await written()) === BATCHES * SIZE, { within: mode === "tracked" ? 0 : 10_000 });
      await oracle.idle();
    }

    for (const misbehaviour of ["delay", "drop", "throw"] as const satisfies readonly Misbehaviour[]) {
      for (const order of ["before", "after"] as const) {
        it(`hooks that ${misbehaviour}, registered ${order} ours: nothing is committed too early, nothing is lost`, async () => {
          const id = `${misbehaviour}_${order}`;
          await fresh();
          if (order === "before") await oracle.misbehave(misbehaviour);
          await oracle.nodeRed.deploy(flow(id));
          if (order === "after") await oracle.misbehave(misbehaviour);
          await oracle.feed(id, { batches: BATCHES, size: SIZE });
          await allArrive(id);
          const { hooked } = await oracle.report();
          assert.ok(hooked > BATCHES * SIZE, "the other module's hooks were called as well");
        });
      }

      it(`hooks that ${misbehaviour}, taken away with batches on their way`, async () => {
        const id = `${misbehaviour}_removed`;
        await fresh();
        await oracle.misbehave(misbehaviour);
        await oracle.nodeRed.deploy(flow(id));
        await oracle.feed(id, { batches: BATCHES, size: SIZE });
        await sleep(15);
        await oracle.misbehave("none");
        await allArrive(id);
        assert.ok((await oracle.report()).hooked > 0);
      });
    }

    it("a hook that throws before a Switch, which is told without a message: the event comes again", async () => {
      await fresh();
      await oracle.nodeRed.deploy(flow("stopped"));
      await oracle.misbehave("throwBeforeSwitch");
      await oracle.feed("stopped", { batches: BATCHES, size: SIZE });
      await allArrive("stopped");
      assert.equal((await oracle.report()).hooked, 2);
    });

    it("hooks that watch see the same messages, tracked or not", async () => {
      const seen: (readonly string[])[] = [];
      for (const tracking of ["handOver", "tracked"]) {
        await fresh();
        await oracle.misbehave("watch");
        await oracle.nodeRed.deploy(flow(`watch`, { tracking }));
        await oracle.feed("watch", { batches: BATCHES, size: SIZE });
        await allArrive("watch", tracking);
        seen.push(await oracle.seen());
      }
      const [untracked = [], tracked = []] = seen;
      assert.ok(untracked.length >= BATCHES * SIZE * 10, `${untracked.length} seen`);
      assert.deepEqual(tracked, untracked);
    });

    it("messages of other flows carry nothing of ours", async () => {
      const said: string[] = [];
      for (const tracking of ["handOver", "tracked"]) {
        await fresh();
        await oracle.nodeRed.deploy([...flow(`beside`, { tracking }), ...bystander]);
        assert.equal((await oracle.report()).installed, tracking === "tracked");
        // With something under way on the other path.
        await oracle.feed("beside", { batches: BATCHES, size: SIZE });
        const from = oracle.nodeRed.logs.length;
        await oracle.nodeRed.inject("i");
        const line = await oracle.nodeRed.waitForLog(/bystander/, { from });
        said.push(line.slice(line.indexOf("bystander")));
        await allArrive("beside", tracking);
      }
      assert.equal(said[1], said[0]);
      assert.match(said[0] ?? "", /^bystander _msgid,payload(,topic)? \{/);
    });
  });
}
