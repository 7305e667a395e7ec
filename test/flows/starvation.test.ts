import { strict as assert } from "node:assert";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { memory, nullSink, stress, tab } from "../support/flow-nodes.js";
import { eventually } from "../support/eventually.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { counter } from "../support/test-palette.js";

const FLOWS = 20;

describe(`${FLOWS} stress flows at full speed`, () => {
  it("leave time for the editor, timers and signals", async () => {
    const flows = Array.from({ length: FLOWS }, (_, i): FlowNode[] => {
      const on = (node: FlowNode): FlowNode => ({ ...node, z: `tab${i}` });
      return [
        tab(`tab${i}`),
        on(stress(`source${i}`, [`channel${i}`], { batchSize: 1000, size: 500 })),
        on(memory(`channel${i}`, [`sink${i}`], { capacity: 10_000, transactionCapacity: 1000 })),
        on(nullSink(`sink${i}`, { batchSize: 1000 })),
      ];
    }).flat();
    const nodeRed = await NodeRed.start({ flows });
    const accepted = (i: number) => counter(nodeRed, `SOURCE.source${i}`, "EventAcceptedCount");
    await eventually(async () => (await accepted(FLOWS - 1)) > 100_000);

    // What this process, which has next to nothing to do, suffers at the same time from the machine's other users.
    const machine = monitorEventLoopDelay({ resolution: 5 });
    machine.enable();
    await nodeRed.probe({ resetDelay: true });
    const answers: number[] = [];
    const end = performance.now() + 5000;
    while (performance.now() < end) {
      const asked = performance.now();
      await nodeRed.flows();
      answers.push(performance.now() - asked);
      await sleep(20);
    }
    const { eventLoopDelay } = await nodeRed.probe();
    machine.disable();
    const noise = { p99: machine.percentile(99) / 1e6, max: machine.max / 1e6 };
    answers.sort((a, b) => a - b);
    const p99 = answers[Math.floor(answers.length * 0.99)] ?? Number.NaN;
    const figures = [
      `event loop p99 ${eventLoopDelay.p99.toFixed(1)} ms, at most ${eventLoopDelay.max.toFixed(1)} ms`,
      `GET /flows p99 ${p99.toFixed(1)} ms`,
      `noise p99 ${noise.p99.toFixed(1)} ms, at most ${noise.max.toFixed(1)} ms`,
    ].join("; ");
    // Generous: a shared machine, and a pump that does not let others in never does. The exact limits are the bench's.
    assert.ok(eventLoopDelay.p99 <= 250 + 5 * noise.p99, figures);
    assert.ok(eventLoopDelay.max <= 2500 + 5 * noise.max, figures);
    assert.ok(p99 <= 2500 + 10 * noise.p99, figures);
    // Everybody gets a share.
    const counts = await Promise.all(Array.from({ length: FLOWS }, (_, i) => accepted(i)));
    assert.ok(Math.min(...counts) > Math.max(...counts) / 10, counts.join(" "));

    await nodeRed.stop({ within: 15_000 });
  }).timeout(60_000);
});
