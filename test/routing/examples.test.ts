import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../support/eventually.js";
import { root } from "../support/machine.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";
import { freePort } from "../support/ports.js";
import { tcpClient } from "../support/tcp-client.js";

type Metrics = Record<string, Record<string, string>>;

async function example(name: string): Promise<FlowNode[]> {
  const flow = JSON.parse(await readFile(join(root, "examples", `${name}.json`), "utf8")) as FlowNode[];
  for (const node of flow) if (node.type === "flume-netcat-source") node["port"] = await freePort();
  return flow;
}

async function sendLines(flow: readonly FlowNode[], ...lines: string[]): Promise<void> {
  const client = await tcpClient(Number(flow.find(({ type }) => type === "flume-netcat-source")?.["port"]));
  for (const line of lines) assert.equal(await client.ask(line), "OK", line);
  client.destroy();
}

describe("examples of routing nodes, in Node-RED", () => {
  const nodeRed = useNodeRed();

  it("interceptors", async () => {
    const flow = await example("04 - interceptors");
    await nodeRed().deploy(flow);
    await sendLines(
      flow,
      "2026-01-02 03:04:05 ERROR card 1234-5678 refused",
      "2026-01-02 03:04:06 DEBUG nothing",
      "2026-02-30 03:04:05 ERROR x",
      "some day ERROR y",
    );
    const first = await nodeRed().waitForLog(/Event: \{ headers:.*card/);
    const time = new Date(2026, 0, 2, 3, 4, 5).getTime();
    assert.match(first, new RegExp(`time=${time}`));
    assert.match(first, /level=ERROR/);
    assert.match(first, /card 1234-\*\*\*\*/);
    assert.match(first, /timestamp=\d{13}.*host=.*id=[0-9a-f-]{36}/);
    const refused = await nodeRed().waitForLog(/FLUME_INTERCEPTOR_FAILED/);
    assert.match(refused, /02-30/);
    const last = await nodeRed().waitForLog(/Event: .*some day/);
    assert.doesNotMatch(last, /[{ ]time=/);
    assert.ok(!nodeRed().logs.some((line) => line.includes("DEBUG nothing")));
  });

  it("channel selector", async () => {
    const flow = await example("05 - channel selector by header");
    await nodeRed().deploy(flow);
    const from = nodeRed().logs.length;
    await sendLines(flow, "cz one", "us two", "de three", "four");
    for (const body of ["cz one", "us two", "de three", "four"]) {
      await nodeRed().waitForLog(new RegExp(`Event: .*${body}`), { from });
    }
    await eventually(async () => {
      const metrics = await nodeRed().adminGet<Metrics>("/headrace/metrics");
      return metrics["SINK.audit"]?.["EventDrainSuccessCount"] === "1";
    });
  });

  it("sink processor", async () => {
    const flow = await example("06 - sink processor");
    await nodeRed().deploy(flow);
    await eventually(async () => {
      const metrics = await nodeRed().adminGet<Metrics>("/headrace/metrics");
      const drained = Object.entries(metrics)
        .filter(([name]) => name.startsWith("SINK"))
        .map(([, counters]) => Number(counters["EventDrainSuccessCount"]));
      assert.equal(
        drained.reduce((sum, count) => sum + count, 0),
        10_000,
      );
      assert.ok(drained.length === 3 && drained.every((count) => count > 0), String(drained));
      return true;
    });
  });
});
