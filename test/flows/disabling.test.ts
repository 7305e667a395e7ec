import { strict as assert } from "node:assert";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/eventually.js";
import { fileRoll, memory, netcat, stress, tab } from "../support/flow-nodes.js";
import type { DeploymentType, FlowNode } from "../support/node-red.js";
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
import { tcpClient } from "../support/tcp-client.js";

describe("disabling and enabling again", () => {
  const nodeRed = useNodeRedWithTestNodes();
  let port = 0;
  let id = "";
  let count = 0;

  beforeEach(async () => {
    port = await listenerPort();
    id = `n${++count}`;
  });

  /** A flow in which each node, or the tab, may be disabled. */
  const flow = (disabled: "source" | "channel" | "sink" | "tab" | "nothing"): FlowNode[] => {
    const d = (what: string, node: FlowNode) => (what === disabled ? { ...node, d: true } : node);
    return [
      tab("tab", { disabled: disabled === "tab" }),
      d("source", netcat(`${id}-source`, port, [`${id}-channel`])),
      d("channel", memory(`${id}-channel`, [`${id}-sink`])),
      d("sink", testSink(`${id}-sink`)),
    ];
  };
  const size = () => counter(nodeRed(), `CHANNEL.${id}-channel`, "ChannelSize");

  it("a sink: the channel says that it has no target, and keeps what it gets", async () => {
    await nodeRed().deploy(flow("sink"));
    const client = await clientOf(port);
    for (const line of ["1", "2", "3"]) assert.equal(await client.ask(line), "OK");
    await nodeRed().comms.waitForStatus(`${id}-channel`, ({ text }) => text === "no target");
    assert.equal(await size(), 3);
    await nodeRed().deploy(flow("nothing"), "nodes");
    assert.deepEqual(await bodiesAt(nodeRed(), `${id}-sink`, 3), ["1", "2", "3"]);
    await client.end();
  });

  for (const type of ["nodes", "flows", "full"] as DeploymentType[]) {
    for (const what of ["channel", "tab"] as const) {
      it(`a ${what}, by a deploy of type ${type}: nothing is lost of what was in the memory channel`, async () => {
        await nodeRed().deploy(flow("nothing"));
        await setMode(nodeRed(), `${id}-sink`, "held");
        const client = await clientOf(port);
        const lines = Array.from({ length: 250 }, (_, i) => `${i}`);
        for (const line of lines) assert.equal(await client.ask(line), "OK");
        await nodeRed().deploy(flow(what), type);
        if (what === "channel") {
          // It takes part in nothing while it is disabled.
          await nodeRed().comms.waitForStatus(`${id}-source`, ({ text }) => text === "no target");
        }
        await setMode(nodeRed(), `${id}-sink`, "open");
        await nodeRed().deploy(flow("nothing"), type);
        const after = await clientOf(port);
        assert.equal(await after.ask("last"), "OK");
        await bodiesAt(nodeRed(), `${id}-sink`, 251);
        await eventually(async () => (await size()) === 0);
        // The take that the held sink had may come twice: it was given back to the channel, which could not know.
        const { bodies } = await stateOf(nodeRed(), `${id}-sink`);
        assert.deepEqual([...new Set(bodies)], [...lines, "last"]);
        assert.ok(bodies.length <= 251 + 100, `${bodies.length}`);
        client.destroy();
        await after.end();
      });
    }
  }

  it("the target of a source: it accepts no one, and who was connected is not left without an answer", async () => {
    await nodeRed().deploy(flow("nothing"));
    const client = await clientOf(port);
    assert.equal(await client.ask("before"), "OK");
    await nodeRed().deploy(flow("channel"), "nodes");
    // The connection may be closed before the line is sent, or with it.
    client.socket.on("error", () => undefined);
    await client.send("while disabled").catch(() => undefined);
    await client.closed();
    assert.deepEqual(client.received, ["OK"]);
    await eventually(
      () =>
        tcpClient(port).then(
          () => false,
          () => true,
        ),
      { what: "refused connection" },
    );
    await nodeRed().deploy(flow("nothing"), "nodes");
    const after = await clientOf(port);
    assert.equal(await after.ask("after"), "OK");
    assert.deepEqual(await bodiesAt(nodeRed(), `${id}-sink`, 2), ["before", "after"]);
    await after.end();
  });

  it("a sink that holds a delivery: no error is shown for it, only that there is no target", async () => {
    const missing = join(tmpdir(), "headrace-no-such-directory");
    const sink = fileRoll(`${id}-sink`, missing);
    const [first, source, channel] = flow("nothing") as [FlowNode, FlowNode, FlowNode];
    await nodeRed().deploy([first, source, channel, sink]);
    const client = await clientOf(port);
    assert.equal(await client.ask("held"), "OK");
    await eventually(async () => (await counter(nodeRed(), `CHANNEL.${id}-channel`, "EventTakeAttemptCount")) === 1);
    const from = nodeRed().logs.length;
    await nodeRed().deploy([first, source, channel, { ...sink, d: true }], "nodes");
    await nodeRed().comms.waitForStatus(`${id}-channel`, ({ fill, text }) => fill === "yellow" && text === "no target");
    assert.deepEqual(
      nodeRed()
        .logs.slice(from)
        .filter((line) => /\[(error|warn)\]/.test(line)),
      [],
    );
    await nodeRed().deploy([first, source, channel, testSink(`${id}-sink`)], "nodes");
    assert.deepEqual(await bodiesAt(nodeRed(), `${id}-sink`, 1), ["held"]);
    await client.end();
  });

  it("removing a channel for good says how many events are lost with it", async () => {
    await nodeRed().deploy(flow("sink"));
    const client = await clientOf(port);
    for (const line of ["1", "2"]) await client.ask(line);
    const from = nodeRed().logs.length;
    await nodeRed().deploy(
      flow("nothing").filter((node) => !node.id.endsWith("-channel")),
      "nodes",
    );
    await nodeRed().waitForLog(
      new RegExp(`The channel ${id}-channel was removed from the flow while it held 2 events, which are lost`),
      { from },
    );
    client.destroy();
  });

  it("a channel that is removed with all that it holds leaves its room to the others", async () => {
    // One body many times: it is counted each time and is there once.
    const full = (name: string) => [
      tab(),
      stress(name, [`${name}-channel`], { size: 10_000_000, batchSize: 10, maxInFlight: 1 }),
      memory(`${name}-channel`, [`${name}-sink`], { keepAlive: 0 }),
      testSink(`${name}-sink`),
    ];
    const size = (name: string) => counter(nodeRed(), `CHANNEL.${name}-channel`, "ChannelSize");
    const [first, second] = [`${id}-first`, `${id}-second`];
    await nodeRed().deploy(full(first));
    await setMode(nodeRed(), `${first}-sink`, "held");
    await eventually(async () => (await counter(nodeRed(), `SOURCE.${first}`, "ChannelWriteFail")) > 0);
    const most = await size(first);
    assert.ok(most > 10, `${most} events`);
    await nodeRed().deploy(full(second));
    await setMode(nodeRed(), `${second}-sink`, "held");
    await eventually(async () => (await size(second)) === most);
  });
});
