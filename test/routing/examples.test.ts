import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../support/eventually.js";
import { root } from "../support/machine.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import { tcpClient } from "../support/tcp-client.js";

type Metrics = Record<string, Record<string, string>>;

async function example(name: string): Promise<FlowNode[]> {
  const flow = JSON.parse(await readFile(join(root, "examples", `${name}.json`), "utf8")) as FlowNode[];
  for (const node of flow) if (node.type === "flume-netcat-source") node["port"] = await listenerPort();
  return flow;
}

async function sendLines(flow: readonly FlowNode[], ...lines: string[]): Promise<void> {
  const port = Number(flow.find(({ type }) => type === "flume-netcat-source")?.["port"]);
  // A source starts after the deploy has ended.
  const client = await eventually(() => tcpClient(port));
  for (const line of lines) assert.equal(await client.ask(line), "OK", line);
  client.destroy();
}

/** What the logger sinks have written: headers in front of the body, out of the rows of the dump. */
function logged(lines: readonly string[]): string[] {
  const [, ...dumps] = lines.join("\n").split("Event: { headers:");
  return dumps.map((dump) => {
    const [headers = "", body = ""] = dump.split(" body:");
    const rows = body.split("\n").map((row) => /^(?:[0-9A-F]{8})? ((?:[0-9A-F]{2} ){1,16})/.exec(row)?.[1] ?? "");
    return `${headers} ${Buffer.from(rows.join("").replaceAll(" ", ""), "hex").toString()}`;
  });
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
    const [first = "", refused = "", last = ""] = await eventually(() => {
      const all = logged(nodeRed().logs);
      const found = ["card", "02-30", "some day"].map((text) => all.find((one) => one.includes(text)));
      return found.every(Boolean) && found;
    });
    assert.match(first, new RegExp(`time=${new Date(2026, 0, 2, 3, 4, 5).getTime()}`));
    assert.match(first, /level=ERROR.*timestamp=\d{13}.*host=.*id=[0-9a-f-]{36}.*card 1234-\*\*\*\* refused/);
    assert.match(refused, /flume.refused.code=FLUME_INTERCEPTOR_FAILED/);
    assert.doesNotMatch(last, /[{ ]time=/);
    assert.ok(!logged(nodeRed().logs).some((one) => one.includes("DEBUG")));
  });

  it("channel selector", async () => {
    const flow = await example("05 - channel selector by header");
    await nodeRed().deploy(flow);
    const lines = ["cz one", "us two", "de three", "four"];
    await sendLines(flow, ...lines);
    await eventually(() => lines.every((line) => logged(nodeRed().logs).some((one) => one.endsWith(line))));
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
