import { strict as assert } from "node:assert";
import { tab } from "../support/flow-nodes.js";
import { change, route, rule } from "./support/core-nodes.js";
import { Oracle, oracleChannel, oracleSink } from "./support/oracle.js";

const BATCHES = 40;
const SIZE = 500;
/** What may be in the queues of ordinary nodes and on its way into the sink. */
const MOST_BETWEEN = 3000;

describe("Wires that hand over", function () {
  this.timeout(60_000);
  let oracle: Oracle;

  before(async function () {
    this.timeout(60_000);
    oracle = await Oracle.start({
      flows: [
        tab(),
        oracleChannel("c", ["n"], { tracking: "handOver" }),
        change("n", ["w"]),
        route([rule("nempty")], {}, "w"),
        oracleSink("s"),
      ],
    });
  });
  after(async function () {
    this.timeout(60_000);
    await oracle.stop();
  });

  it("do not let messages pile up in a Switch, which takes one in each turn of the event loop", async () => {
    await oracle.shows("c", /best effort$/);
    await oracle.feed("c", { batches: BATCHES, size: SIZE, drops: true });
    for (let most = 0, written = 0; written < BATCHES * SIZE; ) {
      const report = await oracle.report();
      written = Object.keys(report.written).length;
      most = Math.max(most, (report.channels["c"]?.committed.length ?? 0) * SIZE - written);
      assert.ok(most <= MOST_BETWEEN, `${most} messages between the channel and the sink`);
    }
  });
});
