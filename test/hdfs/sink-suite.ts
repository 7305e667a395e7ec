import { contentOf } from "../../lib/engine/content.js";
import { strict as assert } from "node:assert";
import { batchOf, joinBatches } from "../../lib/engine/batch.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { isDeliveryError } from "../../lib/engine/errors.js";
import { copyHeaders, createEvent } from "../../lib/engine/event.js";
import type { WebHdfsClient } from "../../lib/protocols/webhdfs/webhdfs-client.js";
import type { HdfsCluster } from "../counterparts/hdfs/cluster.js";
import { eventually as soon } from "../support/eventually.js";
import { ManualClock } from "../support/manual-clock.js";
import { useTempDir } from "../support/temp-dir.js";
import { startFaultProxy } from "./support/fault-proxy.js";
import { filesBelow, hdfsClient, hdfsSink, linesBelow, numbered } from "./support/sinks.js";

/** HDFS cuts and finishes in its own time, and the machine may be busy. */
const eventually = <T>(probe: () => T | Promise<T>) => soon(probe, { within: 60_000 });
const texts = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => String(first + i));
const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** The sink's own rules, against a real HDFS. */
export function sinkSuite(cluster: () => HdfsCluster): void {
  describe("the HDFS sink", () => {
    const folder = useTempDir();
    let client: WebHdfsClient;
    before(() => (client = hdfsClient(cluster().urls)));
    after(() => client.close());
    const sinkWith = (settings: Readonly<Record<string, unknown>>, clock?: ManualClock) =>
      hdfsSink(cluster().urls, folder().path, settings, { clock });

    it("writes the EMR documents' settings as written: a folder a day and hour, ended by time alone", async () => {
      const clock = new ManualClock(Date.UTC(2023, 10, 14, 22, 13, 20));
      const { sink } = sinkWith(
        {
          path: "/tmp/flume/datetime=%y%m%d/hour=%H",
          filePrefix: "logstore",
          rollInterval: 3600,
          round: true,
          roundValue: 60,
          roundUnit: "minute",
          timeZone: "Asia/Shanghai",
          useLocalTimeStamp: true,
          batchSize: 2000,
        },
        clock,
      );
      await sink.start();
      await sink.write(numbered(0, 2000), NEVER);
      const open = "/tmp/flume/datetime=231115/hour=06/logstore.1700000000000.tmp";
      assert.deepEqual(await filesBelow(client, "/tmp/flume"), [open]);
      clock.pass(3_599_000);
      await sink.write(numbered(2000, 10), NEVER);
      clock.pass(1000);
      // Ended by the clock alone: nothing more has to come.
      await eventually(async () => (await client.status(open.slice(0, -4))) !== undefined);
      assert.deepEqual(await linesBelow(client, "/tmp/flume/datetime=231115/hour=06"), texts(0, 2000));
      assert.deepEqual(await linesBelow(client, "/tmp/flume/datetime=231115/hour=07"), texts(2000, 2010));
      await sink.stop();
      assert.ok((await filesBelow(client, "/tmp/flume")).every((path) => !path.endsWith(".tmp")));
    });

    it("sends each event where its headers say, the events of a batch to several folders", async () => {
      const { sink } = sinkWith({ path: "/sink/by-header/%{kind}/%Y", filePrefix: "%{host}", timeZone: "UTC" });
      await sink.start();
      const of = (kind: string, host: string, first: number) =>
        numbered(first, 3, { kind, host, timestamp: "1700000000000" });
      await sink.write(joinBatches([of("a", "x", 0), of("b", "x", 3), of("a", "x", 6), of("a", "y", 9)]), NEVER);
      await sink.stop();
      const files = await filesBelow(client, "/sink/by-header");
      assert.equal(files.length, 3);
      assert.deepEqual(
        files.map((path) => path.replace(/\d+$/, "")),
        ["/sink/by-header/a/2023/x.", "/sink/by-header/a/2023/y.", "/sink/by-header/b/2023/x."],
      );
      assert.deepEqual(await linesBelow(client, "/sink/by-header"), [0, 1, 2, 6, 7, 8, 9, 10, 11, 3, 4, 5].map(String));
    });

    it("names files as Flume does while they are open and once they are finished", async () => {
      const { sink } = sinkWith(
        { path: "/sink/names", filePrefix: "p", fileSuffix: ".log", inUsePrefix: "_", inUseSuffix: ".open" },
        new ManualClock(1_700_000_000_000),
      );
      await sink.start();
      await sink.write(numbered(0, 1), NEVER);
      assert.deepEqual(await filesBelow(client, "/sink/names"), ["/sink/names/_p.1700000000000.log.open"]);
      await sink.stop();
      assert.deepEqual(await filesBelow(client, "/sink/names"), ["/sink/names/p.1700000000000.log"]);
    });

    it("ends a file by its number of events, also in the middle of a batch", async () => {
      const { sink } = sinkWith({ path: "/sink/count", rollCount: 4 });
      await sink.start();
      await sink.write(numbered(0, 10), NEVER);
      const files = await eventually(async () => {
        const found = await filesBelow(client, "/sink/count");
        return found.filter((path) => !path.endsWith(".tmp")).length === 2 && found;
      });
      assert.equal(files.length, 3);
      await sink.stop();
      const sizes = (await client.list("/sink/count")).map(({ length }) => length);
      assert.deepEqual(
        sizes.sort((a, b) => a - b),
        [4, 8, 8],
      );
      assert.deepEqual(await linesBelow(client, "/sink/count"), texts(0, 10));
    });

    it("ends a file once its bodies have reached the size", async () => {
      const { sink } = sinkWith({ path: "/sink/size", rollSize: 10 });
      await sink.start();
      const event = createEvent(Buffer.from("1234"));
      await sink.write(batchOf(Array.from({ length: 7 }, () => event)), NEVER);
      await sink.stop();
      assert.deepEqual(
        (await client.list("/sink/size")).map(({ length }) => length).sort((a, b) => a - b),
        [5, 15, 15],
      );
    });

    it("ends a file that gets nothing any more", async () => {
      const clock = new ManualClock(1_700_000_000_000);
      const { sink } = sinkWith({ path: "/sink/idle", idleTimeout: 60 }, clock);
      await sink.start();
      await sink.write(numbered(0, 1), NEVER);
      const ended = async () => (await filesBelow(client, "/sink/idle")).filter((path) => !path.endsWith(".tmp"));
      await eventually(async () => {
        clock.pass(30_000);
        return (await ended()).length === 1;
      });
      await sink.stop();
    });

    it("keeps no more files open than it may, the ones used last", async () => {
      const { sink } = sinkWith({ path: "/sink/open/%{n}", maxOpenFiles: 2 });
      await sink.start();
      for (const n of ["1", "2", "1", "3"]) await sink.write(numbered(0, 1, { n }), NEVER);
      await eventually(async () => {
        const open = (await filesBelow(client, "/sink/open")).filter((path) => path.endsWith(".tmp"));
        return open.length === 2 && open[0]?.startsWith("/sink/open/1/") && open[1]?.startsWith("/sink/open/3/");
      });
      await sink.stop();
    });

    it("passes over a name that is taken", async () => {
      const clock = new ManualClock(1_700_000_000_000);
      await client.create("/sink/taken/FlumeData.1700000000000.tmp", contentOf([Buffer.from("x")]), {
        overwrite: false,
      });
      const { sink } = sinkWith({ path: "/sink/taken" }, clock);
      await sink.start();
      await sink.write(numbered(0, 1), NEVER);
      await sink.stop();
      assert.deepEqual((await filesBelow(client, "/sink/taken")).map(nameOf), [
        "FlumeData.1700000000000.tmp",
        "FlumeData.1700000000001",
      ]);
    });

    it("refuses events without a place, by number and reason, before anything is written", async () => {
      const { sink } = sinkWith({ path: "/sink/refused/%Y/%{kind}", filePrefix: "%{name}" });
      await sink.start();
      const event = (values: Readonly<Record<string, string>>) => createEvent(Buffer.from("x"), copyHeaders(values));
      const timestamp = "1700000000000";
      const batch = batchOf([
        event({ timestamp, kind: "fine" }),
        event({ kind: "no time" }),
        event({ timestamp, kind: "../../etc" }),
        event({ timestamp, kind: ".." }),
        event({ timestamp, kind: "a:b" }),
        event({ timestamp, kind: "a", name: "x/y" }),
        event({ timestamp: "yesterday", kind: "a" }),
        event({ timestamp, kind: "nul\u0000l" }),
        event({ timestamp, kind: "deep/er" }),
      ]);
      await assert.rejects(sink.write(batch, NEVER), (error) => {
        assert.ok(isDeliveryError(error));
        const refused = [...(error.refused ?? [])].map(([index, { code }]) => [index, code]);
        const unusable = "FLUME_HDFS_PATH_UNUSABLE";
        assert.deepEqual(refused, [
          [1, "FLUME_TIMESTAMP_MISSING"],
          [2, unusable],
          [3, unusable],
          [4, unusable],
          [5, unusable],
          [6, "FLUME_TIMESTAMP_INVALID"],
          [7, unusable],
        ]);
        return true;
      });
      assert.deepEqual(await filesBelow(client, "/sink/refused"), []);
      await sink.stop();
    });

    it("does not start with settings that cannot work", async () => {
      const wrong: [Readonly<Record<string, unknown>>, string][] = [
        [{ path: "relative" }, "FLUME_HDFS_PATH_RELATIVE"],
        [{ path: "file:///logs/x" }, "FLUME_HDFS_PATH_ELSEWHERE"],
        [{ path: "oss://bucket/logs/x" }, "FLUME_HDFS_PATH_ELSEWHERE"],
        [{ path: "/%{dir}/x" }, "FLUME_HDFS_PATH_ROOTLESS"],
        [{ path: "hdfs://nn:8020/%{dir}" }, "FLUME_HDFS_PATH_ROOTLESS"],
        [{ path: "/a", timeZone: "Moon" }, "FLUME_TIME_ZONE_UNKNOWN"],
        [{ path: "/a", round: true, roundUnit: "hour", roundValue: 25 }, "FLUME_ROUNDING_INVALID"],
        [{ path: "/a", fileType: "CompressedStream" }, "FLUME_HDFS_CODEC_WANTED"],
        [{ path: "/a", filePrefix: "b/c" }, "FLUME_HDFS_PATH_UNUSABLE"],
        [{ path: "/a/%[nobody]" }, "FLUME_ESCAPE_UNKNOWN"],
      ];
      for (const [settings, code] of wrong) await assert.rejects(sinkWith(settings).sink.start(), { code });
    });

    it("lets batches that arrive during an append share the next", async () => {
      const proxy = await startFaultProxy(cluster().urls[0] ?? "");
      const { sink } = hdfsSink([proxy.url], folder().path, { path: "/sink/group" });
      await sink.start();
      await Promise.all(Array.from({ length: 100 }, (_, i) => sink.write(numbered(i, 1), NEVER)));
      await sink.stop();
      await proxy.close();
      assert.deepEqual(await linesBelow(client, "/sink/group"), texts(0, 100));
      assert.ok(proxy.uploads <= 3, `${proxy.uploads} requests for 100 batches that came at once`);
    });

    it("finishes at the next start what a crash left open, and cuts off what was cut short", async () => {
      const crashed = sinkWith({ path: "/sink/crash/%{kind}" });
      await crashed.sink.start();
      await crashed.sink.write(numbered(0, 5, { kind: "whole" }), NEVER);
      await crashed.sink.write(numbered(0, 5, { kind: "short" }), NEVER);
      const [short = "", whole = ""] = await filesBelow(client, "/sink/crash");
      // Its process ends here. Of its last append, which nobody was told of, a part had come through.
      await client.append(short, contentOf([Buffer.from("5\n6")]));
      const { appendFile } = await import("node:fs/promises");
      const record = { open: short, final: short.slice(0, -4), durable: 10, intended: 20 };
      await appendFile(folder().file("hdfs-open-files.jsonl"), `${JSON.stringify(record)}\n{"open":"/half a li`);

      const next = sinkWith({ path: "/sink/crash/%{kind}" });
      await next.sink.start();
      await eventually(async () => (await filesBelow(client, "/sink/crash")).every((path) => !path.endsWith(".tmp")));
      assert.deepEqual(await filesBelow(client, "/sink/crash"), [short.slice(0, -4), whole.slice(0, -4)]);
      // HDFS cuts in its own time.
      await eventually(async () => (await client.read(short.slice(0, -4))).toString() === "0\n1\n2\n3\n4\n");
      assert.equal((await client.read(whole.slice(0, -4))).toString(), "0\n1\n2\n3\n4\n");
      await next.sink.stop();
      await crashed.sink.stop();
    });
  });
}
