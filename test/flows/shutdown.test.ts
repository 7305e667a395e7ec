import { strict as assert } from "node:assert";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../support/eventually.js";
import { fileRoll, memory, netcat, stress, tab } from "../support/flow-nodes.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import { tcpClient } from "../support/tcp-client.js";
import { tempDir, useTempDir } from "../support/temp-dir.js";
import { assertSameLines, clientOf, setMode, testNodes, testSink } from "../support/test-palette.js";
import { root } from "../support/machine.js";

/** As Node-RED sees it, and not by this test's clock: it gives up a node that has not closed after 15 s, and says so. */
async function endInTime(nodeRed: NodeRed): Promise<void> {
  await nodeRed.stop({ within: 30_000 });
  assert.deepEqual(
    nodeRed.logs.filter((line) => /timed out/i.test(line)),
    [],
  );
}

describe("the end of the process", () => {
  const temp = useTempDir();

  it("on SIGTERM everything that was acknowledged is delivered, and clients are answered to their last line", async () => {
    const port = await listenerPort();
    const nodeRed = await NodeRed.start({
      flows: [
        tab(),
        netcat("source", port, ["channel"]),
        memory("channel", ["sink"], { capacity: 100_000 }),
        fileRoll("sink", temp().path, { batchSize: 50 }),
      ],
      settings: { headrace: { drainSeconds: 8 } },
    });
    const client = await clientOf(port);
    const lines = Array.from({ length: 30_000 }, (_, i) => `line ${i}`);
    const sent = client.write(`${lines.join("\n")}\n`).catch(() => undefined);
    for (let i = 0; i < 1000; i++) assert.equal(await client.read(), "OK");
    await endInTime(nodeRed);
    await sent;
    await client.closed();
    const acknowledged = client.received.filter((answer) => answer === "OK").length;
    const written: string[] = [];
    for (const file of await readdir(temp().path)) {
      written.push(...(await readFile(join(temp().path, file), "utf8")).split("\n").filter(Boolean));
    }
    // Accepted lines whose OK the client could not read any more may be there too; nothing twice, nothing missing.
    assert.ok(written.length >= acknowledged, `${written.length} written, ${acknowledged} acknowledged`);
    assertSameLines(written, lines.slice(0, written.length));
  });

  for (const mode of ["held", "refusing"] as const) {
    it(`a sink that is ${mode}: ends in time and says how many events it could not deliver`, async () => {
      const port = await listenerPort();
      const nodes = await testNodes();
      const flows: FlowNode[] = [
        tab(),
        netcat("source", port, ["channel"]),
        memory("channel", ["sink"]),
        testSink("sink"),
      ];
      const nodeRed = await NodeRed.start({ flows, settings: { nodesDir: [root, nodes.path] } });
      await setMode(nodeRed, "sink", mode);
      const client = await clientOf(port);
      for (let i = 0; i < 7; i++) assert.equal(await client.ask(`${i}`), "OK");
      const begun = performance.now();
      await endInTime(nodeRed);
      const log = nodeRed.logs.find((line) => line.includes("FLUME_CHANNEL_NOT_DRAINED"));
      assert.match(log ?? "", /\[warn\] .* 7 events in this channel could not be delivered within 5 s/);
      // It was given its time.
      assert.ok(performance.now() - begun > 4900);
      await client.closed();
      await nodes.remove();
    }).timeout(60_000);
  }

  it("the time for draining can be set, and a source that waits for room does not lengthen it", async () => {
    const flows = [
      tab(),
      stress("source", ["channel"], { batchSize: 100 }),
      memory("channel", ["sink"], { keepAlive: 60 }),
      fileRoll("sink", temp().file("missing")),
    ];
    const nodeRed = await NodeRed.start({ flows, settings: { headrace: { drainSeconds: 1 } } });
    await nodeRed.comms.waitForStatus("channel", ({ text }) => text === "100 % · lost on crash");
    await endInTime(nodeRed);
    assert.ok(nodeRed.logs.some((line) => / 1000 events .* within 1 s/.test(line)));
  });

  it("a spillable channel tells what is lost and what stays, and gives the rest at the next start", async () => {
    const folder = await tempDir();
    const sinks = temp().file("made-later");
    const flows = [
      tab(),
      stress("source", ["channel"], { batchSize: 10, maxTotalEvents: 100 }),
      {
        ...memory("channel", ["sink"], { memoryCapacity: 40, overflowCapacity: 1000 }),
        type: "flume-spillable-channel",
      },
      fileRoll("sink", sinks),
    ];
    const settings = { headrace: { drainSeconds: 1 } };
    const first = await NodeRed.start({ flows, settings, userDir: folder.path });
    const counted = async (nodeRed: NodeRed, component: string, counter: string) =>
      (await nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics"))[component]?.[counter];
    await eventually(async () => (await counted(first, "CHANNEL.channel", "ChannelSize")) === "100");
    await first.stop();
    assert.ok(
      first.logs.some((line) => / 40 events in the memory .* 60 more are on the disk/.test(line)),
      first.logs.join("\n"),
    );
    await mkdir(sinks);
    const again = flows.filter(({ id }) => id !== "source");
    const second = await NodeRed.start({ flows: again, settings, userDir: folder.path });
    await eventually(async () => (await counted(second, "SINK.sink", "EventDrainSuccessCount")) === "60");
    await second.stop();
    assert.ok(!second.logs.some((line) => /could not be delivered/.test(line)));
    await folder.remove();
  }).timeout(60_000);

  it("many connected clients, half of which read nothing, do not lengthen it", async () => {
    const port = await listenerPort();
    const flows = [
      tab(),
      netcat("source", port, ["channel"]),
      memory("channel", ["sink"]),
      fileRoll("sink", temp().path),
    ];
    const nodeRed = await NodeRed.start({ flows });
    await eventually(() => tcpClient(port).then((first) => first.end().then(() => true)));
    const clients = await Promise.all(Array.from({ length: 200 }, () => tcpClient(port)));
    for (const [i, client] of clients.entries()) {
      client.socket.on("error", () => undefined);
      if (i % 2 === 0) client.socket.pause();
      void client.write("x\n".repeat(100_000)).catch(() => undefined);
    }
    await clients[1]?.read();
    await endInTime(nodeRed);
    for (const client of clients) client.destroy();
  }).timeout(60_000);
});
