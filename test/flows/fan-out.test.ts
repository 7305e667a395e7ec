import { strict as assert } from "node:assert";
import { memory, netcat, tab } from "../support/flow-nodes.js";
import { eventually } from "../support/eventually.js";
import type { FlowNode } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import {
  bodiesAt,
  clientOf,
  counter,
  setMode,
  stateOf,
  testSink,
  useNodeRedWithTestNodes,
} from "../support/test-palette.js";

const FULL = /^FAILED: Space for commit to queue couldn't be acquired/;

describe("fan-out", () => {
  const nodeRed = useNodeRedWithTestNodes();
  const sizeOf = (channel: string) => counter(nodeRed(), `CHANNEL.${channel}`, "ChannelSize");

  it("to several channels is accepted by all or by none", async () => {
    const port = await listenerPort();
    await nodeRed().deploy([
      tab(),
      netcat("a-source", port, ["a-small", "a-large"]),
      memory("a-large", ["a-sink-large"]),
      memory("a-small", ["a-sink-small"], { capacity: 2, transactionCapacity: 2, keepAlive: 0 }),
      testSink("a-sink-large"),
      testSink("a-sink-small"),
    ]);
    await setMode(nodeRed(), "a-sink-small", "held");
    const client = await clientOf(port);
    // The small channel has two, one of them perhaps taken but not committed.
    for (const line of ["1", "2"]) assert.equal(await client.ask(line), "OK");
    assert.match(await client.ask("3"), FULL);
    assert.deepEqual(await bodiesAt(nodeRed(), "a-sink-large", 2), ["1", "2"]);
    await eventually(async () => (await sizeOf("a-large")) === 0);
    await setMode(nodeRed(), "a-sink-small", "open");
    await eventually(async () => (await sizeOf("a-small")) === 0, { what: "room for the next line" });
    assert.equal(await client.ask("4"), "OK");
    assert.deepEqual(await bodiesAt(nodeRed(), "a-sink-small", 3), ["1", "2", "4"]);
    assert.deepEqual(await bodiesAt(nodeRed(), "a-sink-large", 3), ["1", "2", "4"]);
    await client.end();
  });

  it("from a channel retries only where the batch was not accepted", async () => {
    const port = await listenerPort();
    await nodeRed().deploy([
      tab(),
      netcat("r-source", port, ["r-channel"]),
      memory("r-channel", ["r-good", "r-bad"]),
      testSink("r-good"),
      testSink("r-bad"),
    ]);
    await setMode(nodeRed(), "r-bad", "refusing");
    const client = await clientOf(port);
    assert.equal(await client.ask("once"), "OK");
    await eventually(async () => (await stateOf(nodeRed(), "r-bad")).attempts >= 3, { what: "third attempt" });
    assert.equal(await sizeOf("r-channel"), 1);
    await nodeRed().comms.waitForStatus("r-channel", ({ fill, text }) => fill === "red" && text === "error, retrying");
    await setMode(nodeRed(), "r-bad", "open");
    assert.deepEqual(await bodiesAt(nodeRed(), "r-bad", 1), ["once"]);
    await eventually(async () => (await sizeOf("r-channel")) === 0);
    assert.deepEqual((await stateOf(nodeRed(), "r-good")).bodies, ["once"]);
    await nodeRed().comms.waitForStatus("r-channel", ({ fill }) => fill === "green");
    await client.end();
  });

  it("remembers through a deploy who has accepted", async () => {
    const port = await listenerPort();
    const flow = (name: string): FlowNode[] => [
      tab(),
      netcat("d-source", port, ["d-channel"]),
      memory("d-channel", ["d-good", "d-bad"]),
      testSink("d-good"),
      { ...testSink("d-bad"), name },
    ];
    await nodeRed().deploy(flow("before"));
    await setMode(nodeRed(), "d-bad", "refusing");
    const client = await clientOf(port);
    assert.equal(await client.ask("once"), "OK");
    await eventually(async () => (await stateOf(nodeRed(), "d-bad")).attempts >= 2);
    for (const type of ["nodes", "flows", "full"] as const) await nodeRed().deploy(flow(type), type);
    await setMode(nodeRed(), "d-bad", "open");
    assert.deepEqual(await bodiesAt(nodeRed(), "d-bad", 1), ["once"]);
    await eventually(async () => (await sizeOf("d-channel")) === 0);
    assert.deepEqual((await stateOf(nodeRed(), "d-good")).bodies, ["once"]);
    await client.end();
  });

  it("does not wait for an optional channel that is full, and counts what it misses", async () => {
    const port = await listenerPort();
    await nodeRed().deploy([
      tab(),
      netcat("o-source", port, ["o-selector"]),
      {
        id: "o-selector",
        type: "flume-channel-selector",
        z: "tab",
        selector: "replicating",
        channels: [{ optional: false }, { optional: true }],
        wires: [["o-required"], ["o-optional"]],
      },
      memory("o-required", ["o-sink"]),
      memory("o-optional", ["o-held"], { capacity: 1, transactionCapacity: 1, keepAlive: 600 }),
      testSink("o-sink"),
      testSink("o-held"),
    ]);
    await setMode(nodeRed(), "o-held", "held");
    const client = await clientOf(port);
    // An answer is waited for less long than the keep-alive lasts.
    for (const line of ["1", "2", "3"]) assert.equal(await client.ask(line), "OK");
    assert.deepEqual(await bodiesAt(nodeRed(), "o-sink", 3), ["1", "2", "3"]);
    await eventually(async () => (await counter(nodeRed(), "SOURCE.o-source", "EventOptionalMissCount")) === 2);
    await setMode(nodeRed(), "o-held", "open");
    assert.deepEqual(await bodiesAt(nodeRed(), "o-held", 1), ["1"]);
    await client.end();
  });
});
