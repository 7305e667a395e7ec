import { strict as assert } from "node:assert";
import { NodeRed, supported, useNodeRed, type FlowNode } from "../support/node-red.js";
import { noNode20, node20 } from "../support/machine.js";
import { skip } from "../support/skip.js";
import { eventually } from "../support/eventually.js";

const greeting = (text: string): FlowNode[] => [
  { id: "tab", type: "tab", label: "Greeting" },
  {
    id: "inject",
    type: "inject",
    z: "tab",
    props: [{ p: "payload" }],
    payload: text,
    payloadType: "str",
    wires: [["function"]],
  },
  {
    id: "function",
    type: "function",
    z: "tab",
    func: 'node.status({ fill: "green", shape: "dot", text: msg.payload }); node.warn("seen " + msg.payload); return msg;',
    outputs: 1,
    wires: [["debug"]],
  },
  {
    id: "debug",
    type: "debug",
    z: "tab",
    active: true,
    tosidebar: true,
    complete: "payload",
    targetType: "msg",
    wires: [],
  },
];

for (const { version, node } of supported) {
  describe(`harness: Node-RED ${version} on Node ${node}`, () => {
    before(function () {
      if (node === "20" && !node20) skip(this, noNode20);
    });
    const nodeRed = useNodeRed({ version, node, palette: false, flows: greeting("one") });

    it("is the version that was asked for", async () => {
      const { version: actual } = await nodeRed().adminGet<{ version: string }>("/settings");
      assert.ok(actual.startsWith(version), actual);
      assert.ok(nodeRed().logs.some((line) => line.includes(`Node.js  version: v${node}.`)));
    });

    it("runs the flow it was given: status, debug and log are heard", async () => {
      await nodeRed().inject("inject");
      await nodeRed().comms.waitForStatus("function", (status) => status.text === "one");
      await nodeRed().comms.waitForDebug((message) => message.id === "debug" && message.msg === "one");
      await nodeRed().waitForLog(/seen one/);
    });

    it("deploys in each way and waits until it has taken effect", async () => {
      for (const type of ["full", "flows", "nodes"] as const) {
        const { started } = await nodeRed().deploy(greeting(type), type);
        assert.equal(started, true);
        await nodeRed().inject("inject");
        await nodeRed().comms.waitForDebug((message) => message.msg === type);
      }
      assert.equal((await nodeRed().flows()).find(({ id }) => id === "inject")?.["payload"], "nodes");
    });

    it("says when a deploy could not start", async () => {
      const unknown = { id: "unknown", type: "no-such-type", z: "tab", wires: [] };
      assert.equal((await nodeRed().deploy([...greeting("one"), unknown], "full")).started, false);
      assert.equal((await nodeRed().deploy(greeting("one"), "full")).started, true);
    });

    it("measures memory and event-loop delay", async () => {
      assert.ok((await nodeRed().rss()) > 20e6);
      await nodeRed().probe({ resetDelay: true });
      const answer = await eventually(async () => {
        const probe = await nodeRed().probe();
        return probe.eventLoopDelay.max > 0 && probe;
      });
      assert.ok(answer.memory.heapUsed > 1e6);
    });
  });
}

describe("harness: the end of Node-RED", () => {
  it("ends by itself when it is asked to", async () => {
    const nodeRed = await NodeRed.start({ palette: false });
    const { code } = await nodeRed.stop();
    assert.equal(code, 0);
    assert.throws(() => process.kill(nodeRed.pid, 0), { code: "ESRCH" });
  });

  it("is noticed when it crashes", async () => {
    const nodeRed = await NodeRed.start({ palette: false });
    const waiting = assert.rejects(nodeRed.waitForLog(/never/), /Node-RED ended/);
    await nodeRed.kill();
    await waiting;
  });

  it("shows its log when it cannot start", async () => {
    const options = { palette: false, nodeArgs: ["--require", "./no-such-file.js"] };
    await assert.rejects(NodeRed.start(options), /Cannot find module/);
  });

  it("fails the test when it does not end in time", async () => {
    const stubborn: FlowNode[] = [
      { id: "tab", type: "tab" },
      { id: "f", type: "function", z: "tab", func: "", finalize: "for (;;);", wires: [] },
    ];
    const nodeRed = await NodeRed.start({ palette: false, flows: stubborn });
    await assert.rejects(nodeRed.stop({ within: 500 }), /did not end within 500 ms/);
  });
});
