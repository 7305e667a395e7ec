import { strict as assert } from "node:assert";
import { userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { EventBatch } from "../../lib/engine/batch.js";
import type { Sink } from "../../lib/engine/contracts.js";
import { isDeliveryError } from "../../lib/engine/errors.js";
import { NEVER } from "../../lib/engine/delivery.js";
import type { WebHdfsClient } from "../../lib/protocols/webhdfs/webhdfs-client.js";
import type { HdfsCluster } from "../counterparts/hdfs/cluster.js";
import { hdfsText } from "../counterparts/hdfs/tools.js";
import { eventually } from "../support/eventually.js";
import { useTempDir } from "../support/temp-dir.js";
import { type FaultProxy, startFaultProxy } from "./support/fault-proxy.js";
import { filesBelow, hdfsClient, hdfsSink, linesBelow, numbered } from "./support/sinks.js";

const BATCH = 20;
/** Batches under way at once. */
const UNDER_WAY = 4;

interface Load {
  /** Batches that were accepted. */
  readonly accepted: number;
  /** Rejections, each of which the same batch has outlived. */
  readonly rejected: number;
  stop(): Promise<number>;
}

/** Writes numbered events until stopped, each batch again until it is accepted: what a channel's runner does. */
function load(sink: Sink): Load {
  let next = 0;
  let accepted = 0;
  let rejected = 0;
  let stopping = false;
  const writer = async () => {
    while (!stopping) {
      const batch: EventBatch = numbered(next, BATCH);
      next += BATCH;
      for (;;) {
        try {
          await sink.write(batch, NEVER);
          break;
        } catch {
          rejected++;
          await sleep(50);
        }
      }
      accepted++;
    }
  };
  const writers = Array.from({ length: UNDER_WAY }, writer);
  return {
    get accepted() {
      return accepted;
    },
    get rejected() {
      return rejected;
    },
    async stop() {
      stopping = true;
      await Promise.all(writers);
      return next;
    },
  };
}

/** Every number below `count` is there; how many more than once. */
function duplicatesIn(lines: readonly string[], count: number): number {
  const seen = new Uint8Array(count);
  let duplicates = 0;
  for (const line of lines) {
    assert.match(line, /^\d+$/, "a line that nobody wrote");
    const number = Number(line);
    assert.ok(number < count, line);
    if (seen[number]) duplicates++;
    seen[number] = 1;
  }
  const missing = seen.findIndex((times) => times === 0);
  assert.equal(missing, -1, `event ${missing} of ${count} is missing`);
  return duplicates;
}

export function faultSuite(cluster: () => HdfsCluster): void {
  describe("at least once", function () {
    this.timeout(120_000);
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
    const finishLeftovers = async (path: string) => {
      const { sink } = hdfsSink(cluster().urls, folder().path, { path });
      await sink.start();
      const isFinished = async () => (await filesBelow(client, path)).every((file) => !file.endsWith(".tmp"));
      await eventually(isFinished, { within: 60_000, every: 200, what: "end of all files" });
      await sink.stop();
    };

    /** Bytes that a folder may hold, copies counted; -1 for no limit. */
    const setQuota = async (path: string, bytes: number) => {
      const query = `op=SETQUOTA&storagespacequota=${bytes}&user.name=${userInfo().username}`;
      const answer = await fetch(`${cluster().urls[0]}/webhdfs/v1${path}?${query}`, { method: "PUT" });
      assert.equal(answer.status, 200, await answer.text());
    };

    const more = (running: Load, batches: number) => {
      const from = running.accepted;
      return eventually(() => running.accepted >= from + batches, { within: 60_000, what: "more accepted batches" });
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

    it("through restarts of the data node and of the name node", async () => {
      const { sink, context } = hdfsSink(cluster().urls, folder().path, {
        path: "/faults/restart",
        callTimeout: 10_000,
      });
      await sink.start();
      const running = load(sink);
      await more(running, 10);
      await cluster().stopDataNode();
      await eventually(() => running.rejected > 0, { within: 30_000, what: "rejection while no data node runs" });
      await cluster().startDataNode();
      await more(running, 10);
      const { rejected } = running;
      await cluster().kill();
      await eventually(() => running.rejected > rejected, { within: 30_000, what: "rejection while nothing runs" });
      await cluster().restart();
      await more(running, 10);
      const count = await running.stop();
      await sink.stop();
      await finishLeftovers("/faults/restart");
      const lines = await linesBelow(client, "/faults/restart");
      // Bounded by what was under way at each of the two stops.
      const duplicates = duplicatesIn(lines, count);
      assert.ok(duplicates <= 2 * UNDER_WAY * BATCH, `${duplicates} events are there twice`);
      assert.deepEqual(
        context.reports.filter((report) => report instanceof TypeError),
        [],
      );
    });
  });
}
