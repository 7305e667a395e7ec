import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { WebHdfsClient } from "../../lib/protocols/webhdfs/webhdfs-client.js";
import type { HdfsCluster } from "../counterparts/hdfs/cluster.js";
import { eventually } from "../support/eventually.js";
import { debug, inject, memory, seq, tab } from "../support/flow-nodes.js";
import { node20, noNode20, root } from "../support/machine.js";
import { skip } from "../support/skip.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import { tcpClient } from "../support/tcp-client.js";
import { filesBelow, hdfsClient, linesBelow } from "./support/sinks.js";

const EVENTS = 20_000;

export function flowSuite(cluster: () => HdfsCluster): void {
  describe("in a real Node-RED", function () {
    this.timeout(240_000);
    let client: WebHdfsClient;
    before(() => (client = hdfsClient(cluster().urls)));
    after(() => client.close());

    const clusterNode = (): FlowNode => ({
      id: "cluster",
      type: "flume-hdfs-cluster",
      urls: cluster().urls[0],
      user: userInfo().username,
    });
    const sink = (settings: Readonly<Record<string, unknown>>, wires: string[][] = []): FlowNode => ({
      id: "sink",
      type: "flume-hdfs-sink",
      z: "tab",
      cluster: "cluster",
      fileType: "DataStream",
      rollSize: 0,
      rollCount: 0,
      ...settings,
      wires,
    });

    for (const runtime of [
      { version: "5", node: "24" },
      { version: "4.1", node: "20" },
    ] as const) {
      it(`brings seq → memory → hdfs to finished files, Node-RED ${runtime.version} on Node ${runtime.node}`, async function () {
        if (runtime.node === "20" && node20 === undefined) skip(this, noNode20);
        const folder = `/flow/seq-${runtime.version}`;
        const flows = [
          tab(),
          seq("source", ["channel"], { totalEvents: EVENTS, batchSize: 500 }),
          memory("channel", ["sink"], { capacity: 10_000, transactionCapacity: 1000 }),
          sink({ path: `${folder}/%Y`, useLocalTimeStamp: true, rollInterval: 3600, batchSize: 500 }),
          clusterNode(),
        ];
        const nodeRed = await NodeRed.start({ flows, ...runtime });
        await eventually(async () => (await linesBelow(client, folder)).length >= EVENTS, {
          within: 120_000,
          every: 300,
        });
        await nodeRed.stop();
        const files = await filesBelow(client, folder);
        assert.deepEqual(
          files.filter((path) => path.endsWith(".tmp")),
          [],
        );
        const numbers = (await linesBelow(client, folder)).map(Number).sort((a, b) => a - b);
        assert.deepEqual(
          numbers,
          Array.from({ length: EVENTS }, (_, i) => i),
        );
      });
    }

    it("lets an event without a timestamp leave by the port for refused ones, with the reason", async () => {
      const flows = [
        tab(),
        { ...inject("inject", ["sink"], "no time"), once: true, onceDelay: 1 },
        sink({ path: "/flow/refused/%Y", refused: "port", outputs: 1 }, [["debug"]]),
        debug("debug", { complete: "flume", targetType: "msg" }),
        clusterNode(),
      ];
      const nodeRed = await NodeRed.start({ flows });
      const shown = await nodeRed.comms.waitForDebug(({ id }) => id === "debug");
      assert.match(JSON.stringify(shown.msg), /FLUME_TIMESTAMP_MISSING/);
      await nodeRed.stop();
      assert.deepEqual(await filesBelow(client, "/flow/refused"), []);
    });

    it("runs the example", async () => {
      const text = readFileSync(join(root, "examples", "11 - hdfs (needs an HDFS).json"), "utf8");
      const port = await listenerPort();
      const flows = (JSON.parse(text) as FlowNode[]).map((node): FlowNode => {
        if (node.type === "flume-netcat-source") return { ...node, port };
        return node.type === "flume-hdfs-cluster" ? { ...node, urls: cluster().urls[0] } : node;
      });
      const nodeRed = await NodeRed.start({ flows });
      const netcat = await eventually(() => tcpClient(port), { what: "netcat source" });
      assert.equal(await netcat.ask("to HDFS"), "OK");
      await netcat.end();
      await eventually(async () => (await linesBelow(client, "/flume")).includes("to HDFS"), { within: 120_000 });
      const [file = ""] = await filesBelow(client, "/flume");
      assert.match(file, /^\/flume\/datetime=\d{6}\/hour=\d\d\/lines\.\d+\.log\.tmp$/);
      await nodeRed.stop();
      assert.ok((await filesBelow(client, "/flume")).includes(file.slice(0, -4)));
    });
  });
}
