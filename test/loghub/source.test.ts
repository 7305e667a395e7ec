import assert from "node:assert/strict";
import { eventually } from "../support/eventually.js";
import { Gate } from "../support/gate.js";
import { type LogService, startLogService } from "./emulator/log-service.js";
import { Ledger } from "./support/ledger.js";
import { RunningSource, type SourceSettings } from "./support/sources.js";

const MIB = 1024 * 1024;

describe("LogHub source against the emulator", function () {
  this.timeout(60_000);
  let service: LogService;
  let ledger: Ledger;
  let running: RunningSource[] = [];

  async function begin(shards: number): Promise<void> {
    service = await startLogService({ shards });
    ledger = new Ledger(service);
  }

  async function source(name: string, settings: SourceSettings = {}): Promise<RunningSource> {
    const one = new RunningSource(service, name, settings);
    running.push(one);
    return await one.start();
  }

  const group = () => service.store().group("g");
  const all = () => running.flatMap(({ emissions }) => emissions);
  const shards = () => service.store().shards.map(({ id }) => id);

  afterEach(async () => {
    await Promise.all(running.map((one) => one.stop()));
    running = [];
    await service.close();
  });

  /** Waits until every shard's checkpoint is its end. */
  async function allSaved(): Promise<void> {
    await eventually(
      () =>
        group()
          .checkpoints()
          .every(({ shard, checkpoint }) => {
            const stored = service.store().shard(shard);
            return checkpoint !== "" && stored.placeOf(checkpoint) === stored.end;
          }),
      { within: 20_000, what: "checkpoints at the ends" },
    );
  }

  it("reads every log once, in the order of its shard, and writes down where it is", async () => {
    await begin(3);
    for (const shard of shards()) ledger.write(shard, 40, 25);
    const one = await source("a", { batchSize: 100 });
    await ledger.allOut(all);
    for (const shard of shards()) ledger.write(shard, 2);
    await ledger.allOut(all);
    await allSaved();
    ledger.assertExactlyOnce(all());
    for (const shard of shards()) {
      const ids = one.emissions.filter((emission) => emission.shard === shard).map(({ id }) => id);
      assert.deepEqual(
        ids,
        ids.toSorted((a, b) => a - b),
      );
    }
    assert.ok(one.outlet.accepted.every(({ length }) => length <= 100));
    assert.deepEqual(one.share, { held: 3, lag: 0, expired: false });
    assert.equal(one.counted("LogHubShardCount"), 3);
    assert.deepEqual(one.reported, []);
  });

  it("sets the time of the log, and parts of its group, where asked for", async () => {
    await begin(1);
    const logs = [{ time: 1_600_000_000, contents: [["k", "v,w"]] as const }];
    service.store().appendLogs({ topic: "t", source: "s", tags: [["host", "h"]], logs }, 0);
    const one = await source("a", {
      useRecordTime: true,
      topicHeader: true,
      sourceHeader: true,
      tagHeaders: true,
      body: "json",
      timeAsField: true,
    });
    const other = await source("b", {
      consumerGroup: "h",
      body: "delimited",
      columns: "none, k",
      separatorChar: "\\t",
      quoteChar: "",
    });
    await eventually(() => one.outlet.events === 1 && other.outlet.events === 1);
    const event = one.outlet.accepted[0]?.at(0);
    assert.deepEqual(JSON.parse(event?.body.toString() ?? ""), { k: "v,w", __time__: "1600000000" });
    const headers = { timestamp: "1600000000000", __topic__: "t", __source__: "s", "__tag__:host": "h" };
    assert.deepEqual({ ...event?.headers }, headers);
    const line = other.outlet.accepted[0]?.at(0);
    assert.equal(line?.body.toString(), "\tv,w");
    assert.ok(Math.abs(Number(line?.headers["timestamp"]) - Date.now()) < 60_000);
  });

  it("reads with a group whose name differs from another's in case only", async () => {
    await begin(1);
    service.store().createGroup({ name: "Logs", timeout: 60, order: false });
    ledger.write(0, 3);
    const one = await source("a", { consumerGroup: "logs" });
    await ledger.allOut(all);
    assert.deepEqual(one.reported, []);
  });

  it("begins at a time, at the end, or with the oldest log", async () => {
    await begin(1);
    ledger.write(0, 3);
    const before = Math.floor(Date.now() / 1000);
    const end = await source("end", { consumerGroup: "end", consumerPosition: "end", checkpointInterval: 600_000 });
    const since = await source("since", {
      consumerGroup: "since",
      consumerPosition: "special",
      startTime: before + 3600,
    });
    const old = await source("old", { consumerGroup: "old", consumerPosition: "special", startTime: before - 3600 });
    await eventually(() =>
      [end, since, old].every((one) => one.share?.held === 1 && one.counted("LogHubPullCount") > 1),
    );
    const saved = service.history.checkpoints.entries.some((write) => write.group === "end");
    assert.ok(saved, "the end is written down at once, not with the first interval");
    const later = ledger.write(0, 2);
    await eventually(() => end.ids.length === later.length && since.ids.length === later.length);
    assert.deepEqual(end.ids, later);
    await eventually(() => old.ids.length === ledger.written);
  });

  it("misses nothing of a shard that came while nobody read, though it begins at the end", async () => {
    await begin(1);
    ledger.write(0, 3);
    const first = await source("a", { consumerPosition: "end" });
    await eventually(
      () =>
        group()
          .checkpoints()
          .every(({ checkpoint }) => checkpoint !== ""),
      { what: "the beginning" },
    );
    const wanted = ledger.write(0, 3);
    await eventually(() => first.ids.length === wanted.length);
    await first.stop();
    const [left, right] = service.store().split(0, "40000000000000000000000000000000").slice(1);
    wanted.push(...ledger.write(left?.id ?? -1, 3), ...ledger.write(right?.id ?? -1, 3));
    const second = await source("a", { consumerPosition: "end" });
    await eventually(() => second.ids.length === wanted.length - first.ids.length, { within: 20_000 });
    assert.deepEqual(
      [...first.ids, ...second.ids].toSorted((a, b) => a - b),
      wanted,
    );
  });

  it("goes on where it was when it is started again under its name, at once", async () => {
    await begin(4);
    for (const shard of shards()) ledger.write(shard, 20);
    // Long enough to tell that nobody waited for it.
    const patient = { groupTimeout: 600 };
    const first = await source("a", patient);
    await ledger.allOut(all);
    await first.stop();
    assert.deepEqual(
      group()
        .checkpoints()
        .map(({ shard, checkpoint }) => service.store().shard(shard).placeOf(checkpoint)),
      [20, 20, 20, 20],
    );
    for (const shard of shards()) ledger.write(shard, 20);
    await source("a", patient);
    await ledger.allOut(all, 20_000);
    ledger.assertExactlyOnce(all());
  });

  it("shares the shards with others of its group, and takes over from one that has gone", async () => {
    await begin(6);
    const stop = setInterval(() => {
      for (const shard of shards()) ledger.write(shard, 1, 2);
    }, 50);
    try {
      const fair = { heartbeatInterval: 1_000, groupTimeout: 3 };
      const [a] = [await source("a", fair), await source("b", fair), await source("c", fair)];
      await eventually(() => running.every(({ share }) => share?.held === 2), { within: 20_000, what: "equal shares" });
      await a?.stop();
      await eventually(() => running.slice(1).every(({ share }) => share?.held === 3), {
        within: 30_000,
        what: "shares of two",
      });
    } finally {
      clearInterval(stop);
    }
    await ledger.allOut(all);
    ledger.assertHeld(all());
    ledger.assertRepeatsUncommitted(all());
    assert.deepEqual(Ledger.repeated(all()), [], "shards that are handed over and agents that stop repeat nothing");
  });

  it("reads the shards of a split only after what was before them, in order", async () => {
    await begin(1);
    ledger.write(0, 200, 10);
    const one = await source("a", { fetchInOrder: true, fetchCount: 20, heartbeatInterval: 1_000, groupTimeout: 3 });
    await eventually(() => one.ids.length > 0);
    const children = service.store().split(0, "40000000000000000000000000000000").slice(1);
    for (const { id } of children) ledger.write(id, 5);
    await ledger.allOut(all);
    ledger.assertExactlyOnce(all());
    const lastOfParent = one.emissions.findLastIndex(({ shard }) => shard === 0);
    const firstOfChild = one.emissions.findIndex(({ shard }) => shard !== 0);
    assert.ok(lastOfParent < firstOfChild);
  });

  it("fetches no more than fits while the channel is full, and stays in its group", async () => {
    await begin(8);
    const value = "x".repeat(MIB / 4);
    for (const shard of shards()) {
      for (let i = 0; i < 40; i++) {
        const contents = [
          ["id", String(i)],
          ["v", value],
        ] as const;
        service.store().appendLogs({ logs: [{ time: 1, contents }] }, shard);
      }
    }
    const gate = new Gate();
    const one = new RunningSource(service, "a", { memory: 24 * MIB, heartbeatInterval: 1_000, groupTimeout: 3 });
    running.push(one);
    one.outlet.gate = gate.opened;
    await one.start();
    await eventually(() => one.outlet.underWay > 1, { what: "deliveries under way" });
    const beats = service.history.beats.entries.length;
    await eventually(() => service.history.beats.entries.length >= beats + 4, { what: "heartbeats" });
    const pulled = service.history.pulls.entries.reduce((sum, { bytes }) => sum + bytes, 0);
    // What fits, and as much as two pulls that were let in by it may bring beyond.
    assert.ok(pulled <= 44 * MIB, `${pulled} bytes`);
    const pulls = service.history.pulls.entries.length;
    await eventually(() => service.history.beats.entries.length >= beats + 6, { what: "more heartbeats" });
    assert.equal(service.history.pulls.entries.length, pulls, "no pull while nothing is delivered");
    assert.equal(service.history.epochs.entries.filter(({ why }) => why !== undefined).length, 0);
    gate.open();
    one.outlet.gate = undefined;
    await eventually(() => one.outlet.events === 320, { within: 30_000 });
  });

  it("says what is wrong with its settings", async () => {
    await begin(1);
    const wrong: readonly [SourceSettings, string][] = [
      [{ consumerPosition: "special", startTime: 0 }, "FLUME_LOGHUB_START_TIME"],
      [{ heartbeatInterval: 10_000, groupTimeout: 20 }, "FLUME_LOGHUB_GROUP_TIMEOUT"],
      [{ query: "* | where k = 'v'", processor: "p" }, "FLUME_LOGHUB_FILTERS"],
      [{ body: "delimited", columns: "a,,b" }, "FLUME_LOGHUB_SETTING"],
      [{ logstore: "not a name" }, "FLUME_LOGHUB_SETTING"],
    ];
    for (const [settings, code] of wrong) {
      await assert.rejects(new RunningSource(service, "a", settings).start(), { code });
    }
    const { cleanUpLeftovers } = await import("../support/cleanup.js");
    await cleanUpLeftovers();
    service = await startLogService();
  });
});
