import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../../support/eventually.js";
import { node20, noNode20, root } from "../../support/machine.js";
import { type FlowNode, NodeRed } from "../../support/node-red.js";
import { freePort } from "../../support/ports.js";
import { skip } from "../../support/skip.js";
import { tcpClient } from "../../support/tcp-client.js";
import { useTempDir } from "../../support/temp-dir.js";

async function example(sinkDisabled: boolean, port: number): Promise<FlowNode[]> {
  const text = await readFile(join(root, "examples", "17 - database channel.json"), "utf8");
  return (JSON.parse(text) as FlowNode[]).map((node) => ({
    ...node,
    ...(node.type === "flume-netcat-source" ? { port } : {}),
    ...(node.type === "flume-logger-sink" && sinkDisabled ? { d: true } : {}),
  }));
}

describe("database channel in Node-RED", function () {
  this.timeout(90_000);
  const dir = useTempDir();

  it("the example: lines that got an OK come out after Node-RED was killed", async () => {
    const userDir = dir().path;
    const port = await freePort();
    const before = await NodeRed.start({ userDir, flows: await example(true, port) });
    const client = await eventually(() => tcpClient(port));
    for (const line of ["one", "two", "three"]) assert.equal(await client.ask(line), "OK");
    client.destroy();
    await before.kill();
    const after = await NodeRed.start({ userDir, flows: await example(false, port) });
    await after.waitForLog(/6F 6E 65 .* one/);
    await after.waitForLog(/74 77 6F .* two/);
    await after.waitForLog(/74 68 72 65 65 .* three/);
    await after.stop();
  });

  it("on Node.js 20, which has no SQLite, the deploy says so and what to do", async function () {
    if (!node20) skip(this, noNode20);
    const port = await freePort();
    const nodeRed = await NodeRed.start({ version: "4.1", node: "20", flows: await example(false, port) });
    const line = await nodeRed.waitForLog(/FLUME_DATABASE_NO_SQLITE/);
    assert.match(line, /Node\.js \(v20\.[\d.]+\) has no SQLite.*22\.13.*PostgreSQL.*file channel/);
    await nodeRed.stop();
  });
});
