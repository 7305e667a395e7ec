import { strict as assert } from "node:assert";
import { userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { processMemory } from "../counterparts/flume/process-memory.js";
import type { HdfsCluster } from "../counterparts/hdfs/cluster.js";
import { eventually } from "../support/eventually.js";
import { memory, seq, tab } from "../support/flow-nodes.js";
import { NodeRed } from "../support/node-red.js";
import { duplicatesIn } from "./support/load.js";
import { hdfsClient, linesBelow } from "./support/sinks.js";

/** Seconds without HDFS: HEADRACE_HDFS_OUTAGE=120 is what the project promises. */
const OUTAGE = Number(process.env["HEADRACE_HDFS_OUTAGE"] ?? 8);
const EVENTS = 150_000;
/** Of the channel: the settings of the EMR documents. */
const CAPACITY = 2000;
/** What a Node-RED that waits may need more than one that works. */
const MOST_MORE = 80 * 1024 * 1024;

/** The whole of HDFS is gone for a while, in the middle of a flow under load. */
export function outageSuite(cluster: () => HdfsCluster): void {
  describe("an outage under load", function () {
    this.timeout(600_000 + OUTAGE * 1000);

    it(`of ${OUTAGE} s: memory stays where it is, the node says what it waits for, and nothing is lost`, async () => {
      const flows = [
        tab(),
        seq("source", ["channel"], { totalEvents: EVENTS, batchSize: 1000 }),
        memory("channel", ["sink"], { capacity: CAPACITY, transactionCapacity: CAPACITY }),
        {
          ...{ id: "sink", type: "flume-hdfs-sink", z: "tab", cluster: "cluster", wires: [] },
          ...{ path: "/outage/datetime=%y%m%d/hour=%H", useLocalTimeStamp: true, fileType: "DataStream" },
          ...{ rollInterval: 3600, rollSize: 0, rollCount: 0, round: true, roundValue: 60, roundUnit: "minute" },
          ...{ batchSize: 1000, callTimeout: 10_000 },
        },
        { id: "cluster", type: "flume-hdfs-cluster", urls: cluster().urls[0], user: userInfo().username },
      ];
      const client = hdfsClient(cluster().urls);
      const nodeRed = await NodeRed.start({ flows });
      const written = () => linesBelow(client, "/outage");
      await eventually(async () => (await written()).length >= 5000, { within: 120_000, every: 100, what: "events" });
      await cluster().kill();
      const before = processMemory(nodeRed.pid)?.resident ?? 0;
      await sleep(OUTAGE * 1000);
      const during = processMemory(nodeRed.pid)?.resident ?? 0;
      assert.ok(during - before <= MOST_MORE, `${before} bytes before the outage, ${during} at its end`);
      const saysSo = () => nodeRed.logs.some((line) => line.includes("HDFS does not answer at"));
      await eventually(saysSo, { within: 120_000, what: "the reason in the log" });
      await cluster().restart();
      await eventually(async () => new Set(await written()).size >= EVENTS, {
        within: 400_000,
        every: 2000,
        what: "all events",
      });
      await nodeRed.stop();
      const duplicates = duplicatesIn(await written(), EVENTS);
      client.close();
      assert.ok(duplicates <= CAPACITY, `${duplicates} events are there twice`);
    });
  });
}
