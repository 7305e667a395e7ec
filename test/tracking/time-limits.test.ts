import { strict as assert } from "node:assert";
import { tab } from "../support/flow-nodes.js";
import type { FlowNode } from "../support/node-red.js";
import { batch, join, split } from "./support/core-nodes.js";
import { Oracle, oracleChannel, oracleSink } from "./support/oracle.js";

interface KeptBack {
  readonly name: string;
  readonly node: FlowNode;
  readonly text?: string;
  /** What the canvas says before anything runs. */
  readonly label: RegExp;
  /** Of six events, how many the node has done with. */
  readonly done: number;
}

/** Nodes that keep messages until more come, which they never do. */
const cases: readonly KeptBack[] = [
  {
    name: "split that streams keeps the last part",
    node: split("n", ["s"], { splt: 10, spltType: "len", stream: true }),
    // Twelve characters, so that there is always a rest.
    text: "{id}......",
    label: /best effort: split$/,
    done: 5,
  },
  {
    name: "batch with an overlap keeps what the next group begins with",
    node: batch(3, "n", ["s"], { overlap: 1 }),
    label: / tracked$/,
    done: 4,
  },
  { name: "join whose group does not fill up", node: join({ count: "4" }), label: / tracked$/, done: 4 },
];

for (const version of ["5", "4.1"] as const) {
  describe(`Tracked paths: what a node keeps back, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let oracle: Oracle;

    before(async function () {
      this.timeout(60_000);
      oracle = await Oracle.start({ version, flows: [tab()] });
    });
    after(async function () {
      this.timeout(60_000);
      await oracle.stop();
    });

    for (const [number, { name, node, text, label, done }] of cases.entries()) {
      it(`${name}: the time limit names it, the channel keeps the event, nothing else is kept`, async () => {
        const id = `k${number}`;
        await oracle.nodeRed.deploy([tab(), oracleChannel(id, ["n"], { settleWithin: 1 }), node, oracleSink("s")]);
        await oracle.forget();
        await oracle.shows(id, label);
        const from = oracle.nodeRed.logs.length;
        // One event a batch: each is committed by itself.
        await oracle.feed(id, { batches: 6, size: 1, ...(text === undefined ? {} : { text, drops: true }) });
        await oracle.settled(id, done);
        await oracle.nodeRed.waitForLog(new RegExp(`did not arrive within 1 s.*${node.type}`), { from });
        await oracle.nodeRed.deploy([tab()]);
        await oracle.idle();
        const { channels, installed } = await oracle.report();
        assert.deepEqual(channels[id]?.premature, []);
        assert.equal(new Set(channels[id]?.committed).size, done);
        assert.equal(installed, false);
      });
    }
  });
}
