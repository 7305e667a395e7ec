import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { channelFull } from "../../lib/engine/errors.js";
import { eventually } from "../support/eventually.js";
import { tempDir } from "../support/temp-dir.js";
import { hasZstd } from "./emulator/compression.js";
import { type Fault, faults } from "./emulator/faults.js";
import { encodeLogGroup } from "./emulator/log-groups.js";
import { useFixture } from "./support/fixture.js";
import type { RunningSource } from "./support/sources.js";

/** What the service may answer, and what the LogHub source makes of it. Numbers: docs/log-service-emulator.md. */
describe("LogHub source, failures of replies", function () {
  this.timeout(90_000);
  const fixture = useFixture();

  it("5: a quota that is used up holds back its shard alone, with growing waits, and loses nothing", async () => {
    const { service, ledger, source, allOut, emissions } = await fixture({ shards: 2 });
    const reader = await source("a");
    ledger.write(0);
    ledger.write(1);
    await allOut();
    const began = service.calls("HeartBeat");
    const ofProject = service.inject({ on: "PullLogs", shard: 1, times: 1 }, faults.readQuota());
    await eventually(() => ofProject.hits === 1, { what: "refused pull" });
    const refusedAt: number[] = [];
    const when = () => refusedAt.push(performance.now()) > 0;
    const ofShard = service.inject({ on: "PullLogs", shard: 1, when }, faults.shardReadQuota());
    const [held] = ledger.write(1);
    for (let round = 0; round < 20; round++) {
      ledger.write(0);
      await sleep(100);
    }
    await eventually(() => reader.ids.length === ledger.written - 4, { what: "all of the other shard" });
    await eventually(() => service.calls("HeartBeat") >= began + 2, { what: "heartbeats" });
    assert.ok(!reader.ids.includes(held ?? -1));
    await eventually(() => refusedAt.length >= 3, { what: "three refused pulls" });
    // The second to the fourth wait in a row, of 2, 4 and 8 s, or a quarter less.
    const waits = refusedAt.slice(1).map((at, i) => at - (refusedAt[i] ?? 0));
    waits.forEach((wait, i) => assert.ok(wait >= 0.74 * 2_000 * 2 ** i, `wait ${i + 1} took ${wait} ms`));
    ofShard.end();
    // The service refuses before the source counts.
    await eventually(() => reader.counted("LogHubThrottleCount") === ofProject.hits + ofShard.hits, {
      what: "each refusal counted",
    });
    await allOut();
    ledger.assertExactlyOnce(emissions());
  });

  const broken: Record<string, Fault> = {
    "500": faults.error(500, "InternalServerError"),
    "503 of a gateway": faults.gateway(503),
    "reset before the answer": faults.reset("before"),
    "reset instead of the answer": faults.reset("after"),
    "half a body": faults.halfBody(),
    "more promised than sent": faults.contentLength(50),
    "less promised than sent": faults.contentLength(-20),
    "corrupt LZ4": faults.corruptBody(),
    "a raw size too small": faults.rawSize((size) => size - 1),
    "a raw size too large": faults.rawSize((size) => size + 1),
    "a raw size of 3 GB": faults.rawSize(() => 3_000_000_000),
    "one group more than told": faults.groupCount((count) => count - 1),
    "one group less than told": faults.groupCount((count) => count + 1),
    "no protocol buffers": faults.badProtobuf(),
    "no raw size": faults.withoutHeader("x-log-bodyrawsize"),
  };

  it("6 and 7: whatever is wrong with a reply, the same cursor is asked for again, and nothing comes out of it", async () => {
    const { service, ledger, source, allOut, emissions } = await fixture({ shards: 1 });
    const reader = await source("a");
    ledger.write(0);
    await allOut();
    for (const [what, fault] of Object.entries(broken)) {
      const times = what === "500" ? 2 : 1;
      const failed = reader.counted("LogHubPullFail");
      const planned = service.inject({ on: "PullLogs", times, when: () => pending() }, fault);
      const pending = () => reader.ids.length < ledger.written;
      ledger.write(0, 3);
      await eventually(() => planned.hits === times && !pending(), { within: 20_000, what: `recovery from ${what}` });
      // A kept connection that is reset may have been closed while it was idle: the request is sent once more.
      const noticed = what.startsWith("reset") ? 0 : times;
      assert.equal(reader.counted("LogHubPullFail") - failed, noticed, what);
    }
    ledger.assertExactlyOnce(emissions());
    assert.deepEqual(
      reader.reported.filter((code) => code !== undefined),
      [],
      "two in a row are not worth a report",
    );
  });

  it("7: replies that stay broken are reported, cost no memory, and are done with when they end", async () => {
    const { service, ledger, source, allOut, emissions } = await fixture({ shards: 1 });
    const reader = await source("a");
    const before = process.memoryUsage().arrayBuffers;
    const lie = service.inject(
      { on: "PullLogs" },
      faults.rawSize((size) => (size === 0 ? 0 : 2_000_000_000)),
    );
    ledger.write(0, 5);
    await eventually(() => reader.reported.includes("FLUME_LOGHUB_REPLY_BROKEN"), { what: "report" });
    assert.ok(lie.hits >= 3, "a passing fault is not reported");
    assert.ok(process.memoryUsage().arrayBuffers - before < 100_000_000);
    lie.end();
    await allOut();
    await eventually(() => reader.reported.at(-1) === undefined, { what: "end of the trouble" });
    ledger.assertExactlyOnce(emissions());
  });

  it("15: a clock that is 20 minutes wrong, from the beginning or of a sudden, is set by the service's", async () => {
    const { service, ledger, source, allOut, emissions } = await fixture({ shards: 2 });
    service.dateOffset = 20 * 60_000;
    const reader = await source("a");
    ledger.write(0);
    await allOut();
    service.dateOffset = -20 * 60_000;
    ledger.write(1);
    await allOut();
    ledger.assertExactlyOnce(emissions());
    assert.deepEqual(
      reader.reported.filter((code) => code !== undefined),
      [],
    );
    assert.equal(reader.warned("FLUME_LOGHUB_CLOCK_SET"), 2, "told each time");
  });

  it("16: keys that are refused make it red; when they are good again it goes on by itself", async () => {
    const { service, ledger, source, allOut, emissions } = await fixture({ shards: 1 });
    const reader = await source("a");
    ledger.write(0);
    await allOut();
    const key = service.keys.get("a") ?? service.key;
    service.keys.delete("a");
    ledger.write(0);
    await eventually(() => reader.reported.includes("FLUME_LOGHUB_KEY"), { what: "report" });
    service.keys.set("a", key);
    await allOut();
    await eventually(() => reader.reported.at(-1) === undefined, { within: 20_000, what: "end of the trouble" });
    ledger.assertExactlyOnce(emissions());
  });

  it("16: a missing right is told by its name while what is allowed goes on", async () => {
    const { service, source } = await fixture({ shards: 1 });
    service.addKey("a").denied.add("ConsumerGroupHeartBeat");
    const reader = await source("a");
    await eventually(() => reader.reported.includes("FLUME_LOGHUB_UNAUTHORIZED"), { what: "report" });
    const [error] = reader.context.reports as Error[];
    assert.match(`${error?.message} ${(error as { next?: string }).next}`, /log:ConsumerGroupHeartBeat/);
  });

  it("16: a token that has expired is fetched anew, without a deploy and without a report", async () => {
    const { service, ledger, source, allOut, emissions } = await fixture({ shards: 1 });
    const folder = await tempDir();
    try {
      const file = folder.file("credentials.json");
      const write = async (expiresAt: number) => {
        const { id, secret, token } = service.issueToken(expiresAt);
        await writeFile(file, JSON.stringify({ AccessKeyId: id, AccessKeySecret: secret, SecurityToken: token }));
        return id;
      };
      const first = await write(Date.now() + 3_600_000);
      const reader = await source("a", {}, { credentialSource: "file", credentialsFile: file });
      ledger.write(0);
      await allOut();
      // However often one is refused, credentials are fetched once in five seconds at most.
      await sleep(5_500);
      const second = await write(Date.now() + 3_600_000);
      const key = service.keys.get(first);
      if (key) key.tokenExpiresAt = Date.now();
      ledger.write(0);
      await allOut();
      ledger.assertExactlyOnce(emissions());
      assert.equal(service.history.pulls.entries.at(-1)?.accessKeyId, second);
      assert.deepEqual(reader.reported, []);
    } finally {
      await folder.remove();
    }
  });

  it("17: a filter that lets nothing through moves the checkpoint on, and does not spin", async () => {
    const { service, ledger, source, emissions, committed } = await fixture({ shards: 1 });
    let open = false;
    service.filters.set("errors", () => open);
    ledger.write(0, 2_500, 1);
    const reader = await source("a", { processor: "errors" });
    await eventually(() => committed(0) === 2_500, { within: 20_000, what: "checkpoint behind what was filtered out" });
    assert.equal(reader.ids.length, 0);
    const before = service.calls("PullLogs");
    assert.ok(before <= 100, `${before} pulls of 2,500 groups`);
    await sleep(1_000);
    assert.ok(service.calls("PullLogs") - before <= 40, "pulls of a shard without anything new");
    open = true;
    const [id] = ledger.write(0, 1, 1);
    await eventually(() => reader.ids.length === 1, { what: "the one that passes" });
    assert.equal(emissions()[0]?.id, id);
  });

  it("20: a reply that names no next cursor leaves it where it is", async () => {
    const { service, ledger, source, allOut, emissions } = await fixture({ shards: 1 });
    await source("a");
    ledger.write(0);
    await allOut();
    const fault = service.inject({ on: "PullLogs", times: 3 }, faults.emptyCursor());
    await eventually(() => fault.hits === 3, { what: "replies without cursor" });
    ledger.write(0, 3);
    await allOut();
    ledger.assertExactlyOnce(emissions());
  });

  for (const compression of ["lz4", "deflate", ...(hasZstd ? (["zstd"] as const) : []), "none"] as const) {
    for (const signature of ["V1", "V4"] as const) {
      it(`reads ${compression} with signatures ${signature}`, async () => {
        const { ledger, source, allOut, emissions } = await fixture({ shards: 2 });
        await source("a", {}, { compression, signature });
        ledger.write(0, 20);
        ledger.write(1, 20);
        await allOut();
        ledger.assertExactlyOnce(emissions());
      });
    }
  }

  it("23: values of any bytes, keys twice, no topic, Time_ns, an empty group and a value of 1 MB", async () => {
    const { service, source } = await fixture({ shards: 1 });
    const time = 1_700_000_000;
    const store = service.store();
    store.appendLogs({
      logs: [
        {
          time,
          timeNs: 123,
          contents: [
            ["a", Buffer.from([0x61, 0xff, 0x62])],
            ["b", "1"],
            ["b", "2"],
          ],
        },
      ],
    });
    store.append({ bytes: encodeLogGroup({ topic: "nothing", logs: [] }), logs: 0 });
    store.appendLogs({ topic: "t", tags: [["__hostname__", "h"]], logs: [{ time, contents: [] }] });
    store.appendLogs({ logs: [{ time, contents: [["large", "x".repeat(1024 * 1024)]] }] });
    const reader = await source("a", { useRecordTime: true, topicHeader: true, tagHeaders: true, topicAsField: true });
    await eventually(() => reader.outlet.events === 3, { what: "three events" });
    const events = reader.outlet.accepted.flatMap((batch) => [...batch]);
    const bodies = events.map(({ body }) => JSON.parse(body.toString()) as Record<string, string>);
    assert.deepEqual(bodies[0], { a: "a\ufffdb", b: "2" });
    assert.deepEqual(bodies[1], { __topic__: "t" });
    assert.equal(bodies[2]?.["large"]?.length, 1024 * 1024);
    assert.deepEqual(
      events.map(({ headers }) => headers["timestamp"]),
      Array(3).fill("1700000000000"),
    );
    assert.deepEqual([events[0]?.headers["__topic__"], events[1]?.headers["__topic__"]], [undefined, "t"]);
    assert.equal(events[1]?.headers["__tag__:__hostname__"], "h");
  });

  describe("downstream", () => {
    /** Nothing is taken until it is opened. */
    function gate(reader: RunningSource): () => void {
      let open = () => undefined as void;
      reader.outlet.admission = new Promise<void>((resolve) => (open = resolve));
      return () => {
        reader.outlet.admission = undefined;
        open();
      };
    }

    it("18: while nothing is taken pulls pause, memory stays flat, and heartbeats keep the shards", async () => {
      const { service, ledger, source, allOut, emissions } = await fixture({ shards: 2 });
      const reader = await source("a", { groupTimeout: 3, batchSize: 10 });
      const open = gate(reader);
      ledger.write(0, 5_000, 1);
      ledger.write(1, 5_000, 1);
      await eventually(() => reader.outlet.waiting === 2, { what: "deliveries that wait" });
      // Each shard has asked for what fits, however long that took.
      let pulls = 0;
      const stopped = () => {
        const before = pulls;
        pulls = service.calls("PullLogs");
        return pulls === before;
      };
      await eventually(stopped, { every: 500, what: "end of the pulls" });
      const beats = service.calls("HeartBeat");
      await sleep(4_500);
      assert.equal(service.calls("PullLogs"), pulls, "pulls while nothing is taken");
      assert.ok(service.calls("HeartBeat") > beats);
      assert.equal(service.history.epochs.entries.length, 2, "the shards stayed");
      open();
      await allOut();
      ledger.assertExactlyOnce(emissions());
    });

    it("19: a batch that is not accepted is handed on again, the same, and the checkpoint waits for it", async () => {
      const { ledger, source, allOut, emissions, committed } = await fixture({ shards: 1 });
      const reader = await source("a");
      reader.outlet.rejections.push(...Array.from({ length: 8 }, () => channelFull(1, 1)));
      const ids = ledger.write(0, 2, 3);
      await eventually(() => reader.outlet.tried.length >= 5, { what: "attempts" });
      assert.equal(committed(0), 0);
      await allOut();
      ledger.assertExactlyOnce(emissions());
      assert.deepEqual(reader.ids, ids, "in order");
      const [first, second] = reader.outlet.tried.map((batch) => [...batch].map(({ body }) => body.toString()));
      assert.deepEqual(second, first);
      await eventually(() => committed(0) === 2, { what: "checkpoint" });
      await eventually(() => reader.reported.at(-1) === undefined, { what: "end of the trouble" });
    });

    it("22: 64 shards with replies of 10 MB stay within the budget of bytes", async () => {
      const { service, source, emissions } = await fixture({ shards: 64, capacity: 1e12 });
      const filler = "abcdefghij".repeat(100_000);
      for (let shard = 0; shard < 64; shard++) {
        // One and the same buffer in all places: what the emulator holds does not count here.
        const contents = [
          ["id", String(shard)],
          ["shard", String(shard)],
          ["text", filler],
        ] as const;
        const bytes = encodeLogGroup({ logs: [{ time: 1_700_000_000, contents }] });
        for (let group = 0; group < 12; group++) service.store().append({ bytes, logs: 1 }, shard);
      }
      const budget = 32 * 1024 * 1024;
      const reader = await source("a", { memory: budget, batchSize: 1, groupTimeout: 60 });
      const open = gate(reader);
      await eventually(() => service.history.epochs.entries.length === 64, { what: "all shards" });
      // How many fit goes by the memory that replies before these have left to be used again.
      await eventually(() => reader.outlet.waiting >= 1, { what: "deliveries that wait" });
      await sleep(2_000);
      const held = () => service.history.pulls.entries.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(held() <= budget + 10 * 1024 * 1024, `${held()} bytes are fetched and not delivered`);
      open();
      const most = budget + 10 * 1024 * 1024;
      await eventually(
        () => {
          const delivered = emissions().length * 1_000_000;
          assert.ok(
            held() - delivered <= most + 2_000_000,
            `${held() - delivered} bytes are fetched and not delivered`,
          );
          return emissions().length >= 120;
        },
        { within: 40_000, what: "120 logs of 1 MB" },
      );
      assert.ok(new Set(reader.ids).size >= 10, "all shards have their turn");
    });
  });
});
