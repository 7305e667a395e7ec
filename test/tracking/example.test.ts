import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../support/eventually.js";
import { root } from "../support/machine.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";
import { freePort } from "../support/ports.js";
import { tcpClient } from "../support/tcp-client.js";

describe("the example enrich and route, in Node-RED", () => {
  const nodeRed = useNodeRed();

  it("enriches, routes, and takes what fails to the dead letters", async () => {
    const text = await readFile(join(root, "examples", "07 - enrich and route.json"), "utf8");
    const flow = JSON.parse(text) as FlowNode[];
    const port = await freePort();
    for (const node of flow) if (node.type === "flume-netcat-source") node["port"] = port;
    await nodeRed().deploy(flow);
    const client = await eventually(() => tcpClient(port));
    for (const line of ["31", "12.5", "warm"]) assert.equal(await client.ask(line), "OK");
    client.destroy();
    const sinks = { hot: "31 degrees", "all others": "12.5 degrees", "dead letter": "warm" };
    const metrics = () => nodeRed().adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
    await eventually(async () => {
      const found = await metrics();
      for (const name of Object.keys(sinks)) assert.equal(found[`SINK.${name}`]?.["EventDrainSuccessCount"], "1", name);
      const channel = Object.entries(found).find(([name]) => name.startsWith("CHANNEL."))?.[1];
      assert.equal(channel?.["EventTakeSuccessCount"], "3");
      return true;
    });
    const dumped = nodeRed().logs.join("\n");
    for (const body of Object.values(sinks)) assert.ok(dumped.includes(body.slice(0, 12)), body);
    assert.match(dumped, /received=\d{4}-/);
    await nodeRed().comms.waitForStatus("f1a5e0c0d0000704", ({ text: status }) => status?.endsWith("tracked") === true);
  });
});
