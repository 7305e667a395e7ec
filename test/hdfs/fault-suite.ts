import { strict as assert } from "node:assert";
import { userInfo } from "node:os";
import { isDeliveryError } from "../../lib/engine/errors.js";
import { joinBatches } from "../../lib/engine/batch.js";
import { NEVER } from "../../lib/engine/delivery.js";
import type { WebHdfsClient } from "../../lib/protocols/webhdfs/webhdfs-client.js";
import type { HdfsCluster } from "../counterparts/hdfs/cluster.js";
import { hdfsText } from "../counterparts/hdfs/tools.js";
import { eventually } from "../support/eventually.js";
import { useTempDir } from "../support/temp-dir.js";
import { type FaultProxy, startFaultProxy } from "./support/fault-proxy.js";
import { duplicatesIn, type Load, load, WINDOW } from "./support/load.js";
import {
  filesBelow,
  finishLeftovers as finished,
  hdfsClient,
  hdfsSink,
  linesBelow,
  numbered,
} from "./support/sinks.js";

export function faultSuite(cluster: () => HdfsCluster): void {
  describe("at least once", function () {
    this.timeout(400_000);
    const folder = useTempDir();
    let client: WebHdfsClient;
    let proxy: FaultProxy;
    before(async () => {
      client = hdfsClient(cluster().urls);
      proxy = await startFaultProxy(cluster().urls[0] ?? "");
    });
    after(async () => {
      client.close();
      await proxy.close();
    });

    /** What could not be finished before the stop is at the next start. */
    const finishLeftovers = (path: string) => finished(cluster().urls, folder().path, path);

    /** Bytes that a folder may hold, copies counted; -1 for no limit. */
    const setQuota = async (path: string, bytes: number) => {
      const query = `op=SETQUOTA&storagespacequota=${bytes}&user.name=${userInfo().username}`;
      const answer = await fetch(`${cluster().urls[0]}/webhdfs/v1${path}?${query}`, { method: "PUT" });
      assert.equal(answer.status, 200, await answer.text());
    };

    const more = (running: Load, batches: number) => {
      const from = running.accepted;
      return eventually(() => running.accepted >= from + batches, { within: 180_000, what: "more accepted batches" });
    };

    it("through cut uploads and lost answers: nothing missing, nothing broken, nothing twice", async () => {
      const { sink } = hdfsSink([proxy.url], folder().path, { path: "/faults/network", rollCount: 2000 });
      await sink.start();
      const running = load(sink);
      await more(running, 5);
      for (let round = 0; round < 8; round++) {
        proxy.failUploads(
          round % 3 === 2 ? { swallowAnswer: true } : { cutAfter: [150, 330, 450, 520][round % 4] ?? 0 },
        );
        await more(running, 5);
      }
      proxy.swallowAnswersOf("RENAME", 2);
      proxy.swallowAnswersOf("APPEND", 1);
      proxy.swallowAnswersOf("GETFILESTATUS", 1);
      await more(running, 120);
      const count = await running.stop();
      await sink.stop();
      await finishLeftovers("/faults/network");
      assert.ok(proxy.hit >= 8);
      const files = await filesBelow(client, "/faults/network");
      assert.deepEqual(
        files.filter((path) => path.endsWith(".tmp")),
        [],
      );
      assert.equal(duplicatesIn(await linesBelow(client, "/faults/network"), count), 0);
    });

    it("and a sequence file stays one that Hadoop reads", async () => {
      const { sink } = hdfsSink([proxy.url], folder().path, {
        path: "/faults/sequence",
        fileType: "SequenceFile",
        writeFormat: "Text",
        codeC: "gzip",
      });
      await sink.start();
      const running = load(sink);
      for (const cutAfter of [100, 420, 600]) {
        await more(running, 5);
        proxy.failUploads({ cutAfter }, { swallowAnswer: true });
      }
      await more(running, 10);
      const count = await running.stop();
      await sink.stop();
      await finishLeftovers("/faults/sequence");
      const printed = await hdfsText(cluster().fileSystem, ...(await filesBelow(client, "/faults/sequence")));
      const lines = printed.split("\n").filter((line) => line !== "");
      assert.equal(
        duplicatesIn(
          lines.map((line) => line.split("\t")[1] ?? ""),
          count,
        ),
        0,
      );
    });

    it("through a folder without room, which it names, and goes on by itself when there is some", async () => {
      const { sink } = hdfsSink(cluster().urls, folder().path, { path: "/faults/full" });
      await client.makeDirectories("/faults/full");
      await setQuota("/faults/full", 1024);
      await sink.start();
      const batch = numbered(0, 50);
      await assert.rejects(
        sink.write(batch, NEVER),
        (error) => isDeliveryError(error) && error.code === "FLUME_HDFS_NO_ROOM" && error.retry === "later",
      );
      await setQuota("/faults/full", -1);
      await sink.write(batch, NEVER);
      await sink.stop();
      await finishLeftovers("/faults/full");
      assert.equal(duplicatesIn(await linesBelow(client, "/faults/full"), 50), 0);
    });

    it("with room for one of two folders: what is written of a batch is not written again", async () => {
      const path = "/faults/partly";
      const { sink } = hdfsSink(cluster().urls, folder().path, { path: `${path}/%{kind}` });
      await client.makeDirectories(`${path}/full`);
      await setQuota(`${path}/full`, 1024);
      await sink.start();
      const of = (kind: string, first: number) => numbered(first, 10, { kind });
      const batch = joinBatches([of("roomy", 0), of("full", 10), of("roomy", 20), of("full", 30)]);
      await assert.rejects(
        sink.write(batch, NEVER),
        (error) => isDeliveryError(error) && error.code === "FLUME_HDFS_NO_ROOM" && error.outcome === "partial",
      );
      await setQuota(`${path}/full`, -1);
      await sink.write(batch, NEVER);
      await sink.stop();
      await finishLeftovers(path);
      assert.equal(duplicatesIn(await linesBelow(client, path), 40), 0);
    });

    it("through a name node that is gone for a while, its data node up", async () => {
      const path = "/faults/name-node";
      const { sink } = hdfsSink(cluster().urls, folder().path, { path, callTimeout: 10_000, rollCount: 400 });
      await sink.start();
      const running = load(sink);
      await more(running, 30);
      await cluster().stopNameNode();
      await eventually(() => running.rejected > 0, { within: 120_000, what: "rejection without a name node" });
      await cluster().startNameNode();
      await more(running, 60);
      const count = await running.stop();
      await sink.stop();
      await finishLeftovers(path);
      const unnamed = running.failures.filter(
        (error) => !isDeliveryError(error) || !error.code.startsWith("FLUME_HDFS_"),
      );
      assert.deepEqual(unnamed, []);
      const duplicates = duplicatesIn(await linesBelow(client, path), count);
      assert.ok(duplicates <= WINDOW, `${duplicates} events are there twice`);
    });

    it("through restarts of the data node and of the name node", async () => {
      const { sink, context } = hdfsSink(cluster().urls, folder().path, {
        path: "/faults/restart",
        callTimeout: 10_000,
      });
      await sink.start();
      const running = load(sink);
      await more(running, 10);
      await cluster().stopDataNode();
      await eventually(() => running.rejected > 0, { within: 120_000, what: "rejection while no data node runs" });
      await cluster().startDataNode();
      await more(running, 10);
      const { rejected } = running;
      await cluster().kill();
      await eventually(() => running.rejected > rejected, { within: 120_000, what: "rejection while nothing runs" });
      await cluster().restart();
      await more(running, 10);
      const count = await running.stop();
      await sink.stop();
      await finishLeftovers("/faults/restart");
      const lines = await linesBelow(client, "/faults/restart");
      // Bounded by what was under way at each of the two stops.
      const duplicates = duplicatesIn(lines, count);
      assert.ok(duplicates <= 2 * WINDOW, `${duplicates} events are there twice`);
      assert.deepEqual(
        context.reports.filter((report) => report instanceof TypeError),
        [],
      );
    });
  });
}
