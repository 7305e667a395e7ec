import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, type EventuallyOptions } from "./eventually.js";
import { root } from "./machine.js";
import { type FlowNode, type NodeRed, type NodeRedOptions, useNodeRed } from "./node-red.js";
import { type TcpClient, tcpClient } from "./tcp-client.js";
import { type TempDir, tempDir } from "./temp-dir.js";

export interface TestNodeState {
  /** `held`: never answers. `refusing`: rejects each batch. */
  readonly mode: "open" | "held" | "refusing";
  readonly bodies: readonly string[];
  readonly attempts: number;
}

/** For use inside describe(): as useNodeRed, with the nodes of test-nodes.ts beside the palette. */
export function useNodeRedWithTestNodes(
  options: NodeRedOptions | (() => NodeRedOptions | Promise<NodeRedOptions>) = {},
): () => NodeRed {
  let dir: TempDir | undefined;
  before(async () => {
    dir = await testNodes();
  });
  const nodeRed = useNodeRed(async () => {
    const given = typeof options === "function" ? await options() : options;
    return { ...given, settings: { nodesDir: [root, dir?.path], ...given.settings } };
  });
  after(async () => {
    await dir?.remove();
  });
  return nodeRed;
}

/** A folder that Node-RED takes for a module with test-nodes.ts in it. */
export async function testNodes(): Promise<TempDir> {
  const dir = await tempDir();
  const file = join(__dirname, "test-nodes.js");
  const description = {
    name: "test-nodes",
    version: "1.0.0",
    "node-red": { nodes: { "test-nodes": "test-nodes.js" } },
  };
  await writeFile(dir.file("package.json"), JSON.stringify(description));
  await writeFile(dir.file("test-nodes.js"), `module.exports = require(${JSON.stringify(file)}).default;\n`);
  return dir;
}

/** A Flume target of another copy of the package, which can be held, or made to refuse. */
export const testSink = (id: string): FlowNode => ({ id, type: "test-sink", z: "tab", wires: [] });

/** An ordinary node at the end of a flow, which remembers payloads. */
export const collector = (id: string): FlowNode => ({ id, type: "test-collector", z: "tab", wires: [] });

/** A node that holds a deploy up. */
export const slowToClose = (id: string, milliseconds: number, settings: Record<string, unknown> = {}): FlowNode => ({
  id,
  type: "test-slow-to-close",
  z: "tab",
  milliseconds,
  wires: [],
  ...settings,
});

export async function stateOf(nodeRed: NodeRed, id: string): Promise<TestNodeState> {
  return await nodeRed.adminGet<TestNodeState>(`/test-nodes/${id}`);
}

export async function setMode(nodeRed: NodeRed, id: string, mode: TestNodeState["mode"]): Promise<void> {
  await nodeRed.adminPost(`/test-nodes/${id}`, { mode });
}

/** Waits until a test node has seen as many bodies, and returns them all. */
export async function bodiesAt(
  nodeRed: NodeRed,
  id: string,
  count: number,
  options?: EventuallyOptions,
): Promise<readonly string[]> {
  return await eventually(
    async () => {
      const { bodies } = await stateOf(nodeRed, id);
      if (bodies.length < count) throw new Error(`it has ${bodies.length}`);
      return bodies;
    },
    { what: `${count} bodies at ${id}`, ...options },
  );
}

export interface Metrics {
  readonly [component: string]: Readonly<Record<string, string>>;
}

export async function metrics(nodeRed: NodeRed): Promise<Metrics> {
  return await nodeRed.adminGet<Metrics>("/headrace/metrics");
}

/** A counter of one component as a number, 0 when it has none. */
export async function counter(nodeRed: NodeRed, component: string, name: string): Promise<number> {
  return Number((await metrics(nodeRed))[component]?.[name] ?? 0);
}

/** A client of a source that has been deployed just now: Node-RED says that it has started before sources listen. */
export async function clientOf(port: number, within = 30_000): Promise<TcpClient> {
  return await eventually(() => tcpClient(port), { what: `listener on port ${port}`, within });
}

/** As deepEqual, for thousands of texts, of which a difference of all would take minutes to print. */
export function assertSameLines(actual: readonly string[], expected: readonly string[], what = "lines"): void {
  const differs = expected.findIndex((line, i) => line !== actual[i]);
  const at = differs === -1 ? expected.length : differs;
  if (differs === -1 && actual.length === expected.length) return;
  const around = (lines: readonly string[]) => lines.slice(Math.max(0, at - 2), at + 3).join(", ");
  const counts = `${actual.length} instead of ${expected.length}`;
  throw new Error(
    `${what}: ${counts}, the first difference at ${at}: ${around(actual)} instead of ${around(expected)}`,
  );
}
