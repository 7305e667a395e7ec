import { strict as assert } from "node:assert";
import { memory, netcat, tab } from "../support/flow-nodes.js";
import type { FlowNode } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import {
  bodiesAt,
  clientOf,
  collector,
  counter,
  stateOf,
  testSink,
  useNodeRedWithTestNodes,
} from "../support/test-palette.js";

const junction = (id: string, to: string[], z = "tab"): FlowNode => ({ id, type: "junction", z, wires: [to] });
const linkOut = (id: string, links: string[], z = "tab"): FlowNode => ({
  id,
  type: "link out",
  z,
  mode: "link",
  links,
  wires: [],
});
const linkIn = (id: string, links: string[], to: string[], z = "tab"): FlowNode => ({
  id,
  type: "link in",
  z,
  links,
  wires: [to],
});
const instance = (id: string, subflow: string, to: string[], z = "tab"): FlowNode => ({
  id,
  type: `subflow:${subflow}`,
  z,
  name: "",
  wires: [to],
});
const subflow = (id: string, first: string, last: string): FlowNode => ({
  id,
  type: "subflow",
  name: id,
  info: "",
  in: [{ x: 40, y: 40, wires: [{ id: first }] }],
  out: [{ x: 400, y: 40, wires: [{ id: last, port: 0 }] }],
});
const inside = (id: string, node: FlowNode): FlowNode => ({ ...node, z: id });

describe("wires: the ways between two Flume nodes", () => {
  const nodeRed = useNodeRedWithTestNodes();

  /** Lines sent to the source, and what the sink then has, in order. */
  const sendThrough = async (port: number, lines: readonly string[]) => {
    const client = await clientOf(port);
    for (const line of lines) assert.equal(await client.ask(line), "OK");
    await client.end();
  };

  it("leads through junctions, branching and joining again, once for each path", async () => {
    const port = await listenerPort();
    await nodeRed().deploy([
      tab(),
      netcat("j-source", port, ["j-1"]),
      junction("j-1", ["j-2", "j-3"]),
      junction("j-2", ["j-channel"]),
      junction("j-3", ["j-channel", "j-sink-b"]),
      memory("j-channel", ["j-4"]),
      junction("j-4", ["j-sink-a"]),
      testSink("j-sink-a"),
      testSink("j-sink-b"),
    ]);
    await sendThrough(port, ["1", "2"]);
    assert.deepEqual(await bodiesAt(nodeRed(), "j-sink-a", 4), ["1", "1", "2", "2"]);
    assert.deepEqual(await bodiesAt(nodeRed(), "j-sink-b", 2), ["1", "2"]);
  });

  it("leads through link nodes to other tabs, one to many", async () => {
    const port = await listenerPort();
    await nodeRed().deploy([
      tab(),
      tab("tab-2"),
      netcat("l-source", port, ["l-out"]),
      linkOut("l-out", ["l-in-1", "l-in-2"]),
      linkIn("l-in-1", ["l-out"], ["l-channel"], "tab-2"),
      { ...memory("l-channel", ["l-sink-a"]), z: "tab-2" },
      { ...testSink("l-sink-a"), z: "tab-2" },
      linkIn("l-in-2", ["l-out"], ["l-sink-b"]),
      testSink("l-sink-b"),
    ]);
    await sendThrough(port, ["1", "2"]);
    assert.deepEqual(await bodiesAt(nodeRed(), "l-sink-a", 2), ["1", "2"]);
    assert.deepEqual(await bodiesAt(nodeRed(), "l-sink-b", 2), ["1", "2"]);
  });

  it("leads through nested subflows; two instances have a channel each", async () => {
    const [port1, port2] = [await listenerPort(), await listenerPort()];
    await nodeRed().deploy([
      subflow("s-inner", "s-channel", "s-channel"),
      inside("s-inner", memory("s-channel", [])),
      subflow("s-outer", "s-nested", "s-after"),
      inside("s-outer", instance("s-nested", "s-inner", ["s-after"])),
      inside("s-outer", junction("s-after", [])),
      tab(),
      netcat("s-source-1", port1, ["s-instance-1"]),
      instance("s-instance-1", "s-outer", ["s-sink-1"]),
      testSink("s-sink-1"),
      netcat("s-source-2", port2, ["s-instance-2"]),
      instance("s-instance-2", "s-outer", ["s-sink-2"]),
      testSink("s-sink-2"),
    ]);
    await sendThrough(port1, ["first"]);
    await sendThrough(port2, ["second", "third"]);
    assert.deepEqual(await bodiesAt(nodeRed(), "s-sink-1", 1), ["first"]);
    assert.deepEqual(await bodiesAt(nodeRed(), "s-sink-2", 2), ["second", "third"]);
    const put = (id: string) =>
      counter(nodeRed(), `CHANNEL.s-instance-${id}-s-nested-s-channel`, "EventPutSuccessCount");
    assert.deepEqual([await put("1"), await put("2")], [1, 2]);
  });

  it("keeps the events of a channel in a subflow while what is behind the instance is missing", async () => {
    const port = await listenerPort();
    const flow = (sink: FlowNode[]): FlowNode[] => [
      subflow("k-sub", "k-channel", "k-channel"),
      inside("k-sub", memory("k-channel", [])),
      tab(),
      netcat("k-source", port, ["k-instance"]),
      instance("k-instance", "k-sub", ["k-sink"]),
      ...sink,
    ];
    await nodeRed().deploy(flow([]));
    await sendThrough(port, ["waiting"]);
    await nodeRed().deploy(flow([testSink("k-sink")]));
    assert.deepEqual(await bodiesAt(nodeRed(), "k-sink", 1), ["waiting"]);
  });

  it("keeps the events of a channel in a subflow while the instance is disabled", async () => {
    const port = await listenerPort();
    const flow = (disabled: boolean): FlowNode[] => [
      subflow("q-sub", "q-channel", "q-channel"),
      inside("q-sub", memory("q-channel", [])),
      tab(),
      netcat("q-source", port, ["q-instance"]),
      { ...instance("q-instance", "q-sub", disabled ? ["q-sink"] : []), ...(disabled ? { d: true } : {}) },
      testSink("q-sink"),
    ];
    await nodeRed().deploy(flow(false));
    await sendThrough(port, ["waiting"]);
    await nodeRed().deploy(flow(true), "nodes");
    const again = flow(true).map((node) => (node.id === "q-instance" ? { ...node, d: false } : node));
    await nodeRed().deploy(again, "nodes");
    assert.deepEqual(await bodiesAt(nodeRed(), "q-sink", 1), ["waiting"]);
  });

  it("goes straight through a subflow that only connects its input and its output", async () => {
    const port = await listenerPort();
    await nodeRed().deploy([
      {
        ...subflow("p-sub", "p-none", "p-none"),
        in: [{ x: 0, y: 0, wires: [] }],
        out: [{ x: 9, y: 0, wires: [{ id: "p-sub", port: 0 }] }],
      },
      tab(),
      netcat("p-source", port, ["p-instance"]),
      instance("p-instance", "p-sub", ["p-sink"]),
      testSink("p-sink"),
    ]);
    await sendThrough(port, ["straight"]);
    assert.deepEqual(await bodiesAt(nodeRed(), "p-sink", 1), ["straight"]);
  });

  it("gives Flume and ordinary nodes on the same port each event exactly once", async () => {
    const port = await listenerPort();
    await nodeRed().deploy([
      tab(),
      netcat("m-source", port, ["m-channel", "m-ordinary", "m-junction"]),
      junction("m-junction", ["m-sink", "m-ordinary-2"]),
      memory("m-channel", ["m-sink-2", "m-ordinary-3"]),
      collector("m-ordinary"),
      collector("m-ordinary-2"),
      collector("m-ordinary-3"),
      testSink("m-sink"),
      testSink("m-sink-2"),
    ]);
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`);
    const client = await clientOf(port);
    await client.write(`${lines.join("\n")}\n`);
    for (let i = 0; i < lines.length; i++) assert.equal(await client.read(), "OK");
    await client.end();
    for (const id of ["m-ordinary", "m-ordinary-2", "m-ordinary-3", "m-sink", "m-sink-2"]) {
      assert.deepEqual(await bodiesAt(nodeRed(), id, lines.length), lines, id);
    }
  });

  it("finds a subflow's own wires anew when a deploy of modified nodes moves them", async () => {
    const port = await listenerPort();
    const flow = (to: string): FlowNode[] => [
      tab(),
      netcat("w-source", port, [to]),
      junction("w-junction", ["w-sink-b"]),
      testSink("w-sink-a"),
      testSink("w-sink-b"),
    ];
    await nodeRed().deploy(flow("w-sink-a"));
    const client = await clientOf(port);
    assert.equal(await client.ask("to a"), "OK");
    await nodeRed().deploy(flow("w-junction"), "nodes");
    assert.equal(await client.ask("to b"), "OK");
    assert.deepEqual((await stateOf(nodeRed(), "w-sink-a")).bodies, ["to a"]);
    assert.deepEqual((await stateOf(nodeRed(), "w-sink-b")).bodies, ["to b"]);
    await client.end();
  });
});
