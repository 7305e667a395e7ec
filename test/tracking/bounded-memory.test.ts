import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { javascript, memory, nullSink, stress, tab } from "../support/flow-nodes.js";
import { NodeRed } from "../support/node-red.js";

/** HEADRACE_SECONDS=120 for the long run. */
const SECONDS = Number(process.env["HEADRACE_SECONDS"] ?? 8);
const MB = 1_000_000;
/** Heap and buffers in use after a collection; without a bound it would be hundreds of megabytes within seconds. */
const GROWTH = 20 * MB;
/** The default. */
const IN_FLIGHT = 400;

describe("Tracked paths behind a Function that takes a second for each message", function () {
  this.timeout(120_000 + SECONDS * 1500);
  let nodeRed: NodeRed;

  before(async function () {
    this.timeout(60_000);
    nodeRed = await NodeRed.start({
      nodeArgs: ["--expose-gc"],
      settings: { headrace: { drainSeconds: 0 } },
      flows: [
        tab(),
        stress("source", ["a"]),
        memory("a", ["slow"]),
        javascript("slow", "await new Promise((done) => setTimeout(done, 1000)); return msg;", [["b"]]),
        memory("b", ["sink"]),
        nullSink("sink"),
      ],
    });
  });
  after(async function () {
    this.timeout(60_000);
    await nodeRed.stop();
  });

  const used = async (): Promise<number> => {
    const { memory: own } = await nodeRed.probe({ collect: true });
    return own.heapUsed + own.external;
  };
  const written = async (): Promise<number> => {
    const metrics = await nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
    return Number(metrics["SINK.sink"]?.["EventDrainSuccessCount"] ?? 0);
  };

  it(`memory stays level for ${SECONDS} s of a source at full speed, and events keep coming through`, async () => {
    await eventually(async () => (await written()) > IN_FLIGHT, { within: 30_000 });
    const before = await used();
    // Before it is counted: what passes in between is allowed for.
    const begun = Date.now();
    const first = await written();
    let most = 0;
    while (Date.now() - begun < SECONDS * 1000) {
      await sleep(Math.min(2000, SECONDS * 250));
      most = Math.max(most, (await used()) - before);
      assert.ok(most < GROWTH, `${Math.round(most / MB)} MB more in use`);
    }
    const passed = (await written()) - first;
    const seconds = (Date.now() - begun) / 1000;
    assert.ok(passed > 0, "nothing came through");
    assert.ok(passed <= (seconds + 2) * IN_FLIGHT, `${passed} events: more were under way than may be`);
    console.log(`      ${passed} events in ${Math.round(seconds)} s, at most ${(most / MB).toFixed(1)} MB more in use`);
  });
});
