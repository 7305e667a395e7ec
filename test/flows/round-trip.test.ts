import { strict as assert } from "node:assert";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { memory, netcat, nullSink, tab } from "../support/flow-nodes.js";
import { root } from "../support/machine.js";
import { listenerPort } from "../support/ports.js";
import { type FlowNode, placed, useNodeRed } from "../support/node-red.js";

const folder = join(root, "examples");
const examples = readdirSync(folder).filter((name) => name.endsWith(".json"));

describe("flows as JSON", () => {
  const nodeRed = useNodeRed();

  it("come back from a deploy as they were sent, and stand in the file like that", async () => {
    const flows = placed([
      tab(),
      netcat("source", 1, ["channel"], { encoding: "utf-16le", ackEveryEvent: false, d: true }),
      memory("channel", ["sink"], { keepAlive: 0, byteCapacity: 1000 }),
      nullSink("sink"),
    ]);
    for (const type of ["full", "flows", "nodes"] as const) {
      await nodeRed().deploy(flows, type);
      assert.deepEqual(await nodeRed().flows(), flows);
      assert.deepEqual(await nodeRed().flowFile(), flows);
    }
  });

  for (const name of examples) {
    it(`example "${name}": known types only, a comment that explains, deploys, comes back unchanged`, async () => {
      assert.match(name, /^\d\d - .+\.json$/);
      const flows = JSON.parse(readFileSync(join(folder, name), "utf8")) as FlowNode[];
      // What an example names may be in use, or somebody's, on the machine that runs this test. Its sinks write on
      // until the next deploy, so their folder stays as long as this Node-RED.
      const files = join(nodeRed().userDir, "files");
      mkdirSync(files, { recursive: true });
      for (const node of flows) {
        if (typeof node["port"] === "number") node["port"] = await listenerPort();
        if (node["directory"] !== undefined) node["directory"] = files;
      }
      assert.ok(flows.some(({ type, name: title }) => type === "comment" && title));
      const from = nodeRed().logs.length;
      const { started } = await nodeRed().deploy(flows);
      assert.ok(started, "a node type is unknown");
      assert.deepEqual(await nodeRed().flows(), flows);
      const complaints = nodeRed()
        .logs.slice(from)
        // Examples that need a server are looked at without one, and no example holds keys.
        .filter((line) => /\[error\]/.test(line) && !/FLUME_KAFKA_UNREACHABLE|FLUME_LOGHUB_KEY_MISSING/.test(line));
      assert.deepEqual(complaints, []);
    });
  }

  it("show every node of the palette in some example", () => {
    const { "node-red": palette } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      "node-red": { nodes: Record<string, string> };
    };
    const shown = new Set(
      examples.flatMap((name) =>
        (JSON.parse(readFileSync(join(folder, name), "utf8")) as FlowNode[]).map(({ type }) => type),
      ),
    );
    for (const type of Object.keys(palette.nodes)) assert.ok(shown.has(type), type);
  });

  it("are offered by the editor's import dialog", async () => {
    const list = await nodeRed().adminGet<string[]>("/library/examples/flows/@headrace/node-red-flume");
    const names = JSON.stringify(list);
    for (const name of examples) assert.ok(names.includes(name.replace(/\.json$/, "")), `${name} in ${names}`);
  });
});
