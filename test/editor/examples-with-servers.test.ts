import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { batchOf } from "../../lib/engine/batch.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { copyHeaders, createEvent } from "../../lib/engine/event.js";
import { type HdfsCluster, hdfsUnavailable, startHdfs } from "../counterparts/hdfs/cluster.js";
import { hdfsClient, linesBelow } from "../hdfs/support/sinks.js";
import { kafkaSink } from "../kafka/support/subjects.js";
import { useKafka } from "../kafka/support/suite-kafka.js";
import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { numberBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { root } from "../support/machine.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import { skip } from "../support/skip.js";
import { tcpClient } from "../support/tcp-client.js";

const example = async (name: string): Promise<FlowNode[]> =>
  JSON.parse(await readFile(join(root, "examples", `${name}.json`), "utf8")) as FlowNode[];

describe("editor: examples that need servers, as a person sets them up", function () {
  this.timeout(180_000);
  const kafka = useKafka();
  const nodeRed = useNodeRed({ flows: [{ id: "tab", type: "tab", label: "Empty" }] });
  const browser = useBrowser();
  let hdfs: HdfsCluster;
  let editor: Editor;

  before("start HDFS", async function () {
    this.timeout(15 * 25_000);
    const reason = await hdfsUnavailable();
    if (reason !== undefined) skip(this, reason);
    hdfs = await startHdfs({ appendDelay: 5 });
  });
  before("open the editor", async () => {
    editor = await Editor.open(browser(), nodeRed().url);
  });
  after("stop them", async function () {
    this.timeout(30_000);
    await editor?.close();
    await hdfs?.stop();
  });

  /** Imports it on a tab of its own. @returns its nodes by type, with the ids that the editor gave them */
  async function imported(name: string): Promise<ReadonlyMap<string, string>> {
    const known = new Set((await editor.exportFlows()).map(({ id }) => id));
    await editor.importFlow(await example(name));
    const added = (await editor.exportFlows()).filter(({ id }) => !known.has(id));
    const ids = new Map(added.map(({ type, id }) => [type, id]));
    await editor.showTab(ids.get("tab") ?? assert.fail("no tab"));
    return ids;
  }

  async function setInConfig(ids: ReadonlyMap<string, string>, type: string, field: string, value: string) {
    await editor.openConfigDialog(type, ids.get(type) ?? assert.fail(`no ${type}`));
    await editor.fill(`node-config-input-${field}`, value);
    await editor.closeDialog("ok");
  }

  it("netcat → Kafka → logger: brokers and port set, lines come out of the topic into the debug sidebar", async () => {
    const ids = await imported("10 - kafka (needs a broker)");
    const port = await listenerPort();
    await setInConfig(ids, "flume-kafka-cluster", "brokers", kafka().cluster.bootstrap);
    await editor.openDialog(ids.get("flume-netcat-source") ?? "");
    await editor.fill("node-input-port", String(port));
    await editor.closeDialog("ok");
    assert.deepEqual(await editor.invalidNodes(), []);
    await editor.deploy();
    await editor.showSidebar("debug");
    const client = await eventually(() => tcpClient(port), { what: "netcat source" });
    assert.equal(await client.ask("Hello, Kafka"), "OK");
    await client.end();
    // The sidebar cuts long texts off; the log has the body, too.
    await editor.waitForDebug(/topic=headrace-example/, 60_000);
    await nodeRed().waitForLog(/Hello, Kafka/);
    const records = await kafka().read("headrace-example");
    assert.deepEqual(
      records.map(({ value }) => value?.toString()),
      ["Hello, Kafka"],
    );
    await editor.assertNoErrors();
  });

  it("Kafka → HDFS: both addresses set, records stand in the folder of their hour", async () => {
    const time = new Date(2024, 1, 29, 7, 30).getTime();
    const sink = kafkaSink(kafka().context(), { topic: "headrace-logs", timestampHeader: "time" });
    await sink.start();
    const ids = await imported("15 - Kafka to HDFS (Kafka, HDFS)");
    await setInConfig(ids, "flume-kafka-cluster", "brokers", kafka().cluster.bootstrap);
    await setInConfig(ids, "flume-hdfs-cluster", "urls", hdfs.urls[0] ?? "");
    assert.deepEqual(await editor.invalidNodes(), []);
    await editor.deploy();
    const headers = copyHeaders({ time: String(time) });
    await sink.write(batchOf([...numberBatch(0, 500)].map(({ body }) => createEvent(body, headers))), NEVER);
    await sink.stop();
    const client = hdfsClient(hdfs.urls);
    try {
      const lines = await eventually(
        async () => {
          const found = await linesBelow(client, "/flume/logs/datetime=240229/hour=07");
          return found.length >= 500 && found;
        },
        { within: 60_000, every: 200, what: "lines in HDFS" },
      );
      assert.deepEqual(
        lines.map(Number).toSorted((a, b) => a - b),
        Array.from({ length: 500 }, (_, i) => i),
      );
    } finally {
      client.close();
    }
    await editor.waitForStatus(ids.get("flume-hdfs-sink") ?? "", /./);
    await editor.assertNoErrors();
  });
});
