import { strict as assert } from "node:assert";
import { debug, logger, memory, netcat, tab } from "../support/flow-nodes.js";
import { node20, noNode20 } from "../support/machine.js";
import { supported, useNodeRed } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import { skip } from "../support/skip.js";
import { clientOf } from "../support/test-palette.js";

for (const { version, node } of supported) {
  describe(`first flow: netcat → memory → logger, Node-RED ${version} on Node ${node}`, () => {
    before(function () {
      if (node === "20" && !node20) skip(this, noNode20);
    });
    let port = 0;
    const nodeRed = useNodeRed(async () => {
      port = await listenerPort();
      const flows = [
        tab(),
        netcat("lines", port, ["channel", "tap"]),
        memory("channel", ["sink"]),
        logger("sink", { toDebug: true }),
        debug("tap"),
      ];
      return { version, node, flows };
    });

    it("answers OK to a line, logs it as Flume does, and shows it in the debug sidebar", async () => {
      const from = nodeRed().logs.length;
      const client = await clientOf(port);
      assert.equal(await client.ask("Hello world!"), "OK");
      const line = "Event: { headers:{} body: 48 65 6C 6C 6F 20 77 6F 72 6C 64 21             Hello world! }";
      const logged = await nodeRed().waitForLog(/Event: /, { from });
      assert.equal(logged.slice(logged.indexOf("Event: ")), line);
      assert.match(logged, /\[info\] \[flume-logger-sink:sink\] /);
      const shown = await nodeRed().comms.waitForDebug((message) => message.id === "sink");
      assert.equal(shown.msg, line);
      await client.end();
    });

    it("logs only the first bytes, and dots for what is no printable character", async () => {
      const from = nodeRed().logs.length;
      const client = await clientOf(port);
      assert.equal(await client.ask("Grüße, 0123456789\r"), "OK");
      const logged = await nodeRed().waitForLog(/Event: /, { from });
      assert.ok(
        logged.endsWith("Event: { headers:{} body: 47 72 C3 BC C3 9F 65 2C 20 30 31 32 33 34 35 36 Gr....e, 0123456 }"),
        logged,
      );
      await client.end();
    });

    it("gives a Debug node on the wire the line as text", async () => {
      const client = await clientOf(port);
      await client.ask("for the tap");
      const shown = await nodeRed().comms.waitForDebug(({ id, msg }) => id === "tap" && msg === "for the tap");
      assert.equal(shown.property, "payload");
      await client.end();
    });

    it("shows rate and fill under the nodes", async () => {
      await nodeRed().comms.waitForStatus("lines", ({ fill, text }) => fill === "green" && /^\d+\/s/.test(text ?? ""));
      await nodeRed().comms.waitForStatus(
        "channel",
        ({ fill, text }) => fill === "green" && text === "0 % · lost on crash",
      );
      await nodeRed().comms.waitForStatus("sink", ({ fill, text }) => fill === "green" && text === "0/s");
    });
  });
}
