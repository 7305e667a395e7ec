import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Membership } from "../../lib/protocols/loghub/consumer/membership.js";
import { Troubles } from "../../lib/protocols/loghub/consumer/troubles.js";
import type { LogStore } from "../../lib/protocols/loghub/port.js";
import { eventually } from "../support/eventually.js";
import { faults } from "./emulator/faults.js";
import { useFixture } from "./support/fixture.js";
import { Ledger } from "./support/ledger.js";

/** Milliseconds by which a clock is ahead of the system's. */
function clockAhead() {
  const clock = {
    ahead: 0,
    now: () => Date.now() + clock.ahead,
    after: (milliseconds: number, run: () => void) => {
      const timer = setTimeout(run, milliseconds);
      return () => clearTimeout(timer);
    },
  };
  return clock;
}

/** Calls it again and again until the returned function is called. */
function meanwhile(step: () => void, every = 25): () => void {
  const timer = setInterval(step, every);
  return () => clearInterval(timer);
}

/** What happens to shards and members of a group, and what the LogHub source makes of it. Numbers: docs/log-service-emulator.md. */
describe("LogHub source, failures of membership", function () {
  this.timeout(90_000);
  const fixture = useFixture();
  const MIDDLE = `8${"0".repeat(31)}`;

  for (const fetchInOrder of [false, true]) {
    for (const endOfReadOnly of ["on-write", "at-once"] as const) {
      const how = `${fetchInOrder ? "in order" : "in any order"}, over ${endOfReadOnly}`;

      it(`1 and 3: a split and a merge while it reads deliver every log once (${how})`, async () => {
        const { service, ledger, source, emissions, allOut } = await fixture({ shards: 1, endOfReadOnly });
        ledger.write(0, 400);
        await source("a", { fetchInOrder, fetchCount: 20, batchSize: 10 });
        await eventually(() => emissions().length > 100, { what: "the first logs" });
        service.store().split(0, MIDDLE);
        ledger.write(1, 200);
        ledger.write(2, 200);
        await eventually(() => emissions().some(({ shard }) => shard === 1), {
          within: 20_000,
          what: "logs of a child",
        });
        service.store().merge(1);
        ledger.write(3, 100);
        await allOut();
        ledger.assertExactlyOnce(emissions());
        if (!fetchInOrder) return;
        const first = (shard: number) => emissions().findIndex((emission) => emission.shard === shard);
        const last = (shard: number) => emissions().findLastIndex((emission) => emission.shard === shard);
        for (const [parent, child] of [
          [0, 1],
          [0, 2],
          [1, 3],
          [2, 3],
        ] as const) {
          assert.ok(last(parent) < first(child), `shard ${child} began before ${parent} was read`);
        }
      });
    }

    it(`2: a shard that is split when it is empty, or when it has been read, lets its children begin (in order: ${fetchInOrder})`, async () => {
      const { service, ledger, source, emissions, allOut } = await fixture({ shards: 2 });
      ledger.write(1);
      await source("a", { fetchInOrder });
      await allOut();
      await sleep(500);
      service.store().split(0, `4${"0".repeat(31)}`);
      service.store().split(1, `c${"0".repeat(31)}`);
      for (const child of [2, 3, 4, 5]) ledger.write(child);
      await allOut();
      ledger.assertExactlyOnce(emissions());
    });
  }

  for (const onInvalidCursor of ["begin", "end", "stop"] as const) {
    it(`4: where it left off is no longer kept: ${onInvalidCursor}, told once and counted`, async () => {
      const clock = clockAhead();
      const { ledger, source, committed, service } = await fixture({ shards: 1, ttl: 200, clock });
      const before = await source("a");
      ledger.write(0);
      await eventually(() => committed(0) === 1, { what: "checkpoint" });
      await before.stop();
      ledger.write(0);
      clock.ahead += 150_000;
      const kept = ledger.write(0);
      clock.ahead += 60_000;
      assert.equal(service.store().shard(0).begin, 2, "the second group is gone");
      const reader = await source("b", { onInvalidCursor });
      if (onInvalidCursor === "stop") {
        await eventually(() => reader.reported.includes("FLUME_LOGHUB_SHARD_STOPPED"), {
          within: 40_000,
          what: "report",
        });
        await sleep(500);
        assert.deepEqual(reader.ids, []);
        assert.equal(committed(0), 1, "nothing is passed over");
        return;
      }
      await eventually(() => reader.warned("FLUME_LOGHUB_POSITION_EXPIRED") === 1, { within: 40_000, what: "warning" });
      const later = ledger.write(0);
      const expected = onInvalidCursor === "begin" ? [...kept, ...later] : later;
      await eventually(() => reader.ids.length === expected.length, { what: "what is kept" });
      assert.deepEqual(reader.ids, expected);
      assert.equal(reader.counted("LogHubCursorExpiredCount"), 1);
      assert.equal(reader.share?.expired, true);
      await eventually(() => committed(0) === 4, { what: "checkpoint" });
    });
  }

  it("4: it expires while the service answers nothing: told once, and the time that was passed over is counted", async () => {
    const clock = clockAhead();
    const { service, ledger, source } = await fixture({ shards: 1, ttl: 200, clock });
    const reader = await source("a", { groupTimeout: 600 });
    const first = ledger.write(0);
    await eventually(() => reader.ids.length === 4, { what: "first logs" });
    const fault = service.inject({ on: "PullLogs" }, faults.error(500, "InternalServerError"));
    await eventually(() => fault.hits > 0, { what: "fault" });
    ledger.write(0);
    clock.ahead += 150_000;
    const kept = ledger.write(0);
    clock.ahead += 60_000;
    fault.end();
    await eventually(() => reader.ids.length === 8, { within: 40_000, what: "what is kept" });
    assert.deepEqual(reader.ids, [...first, ...kept]);
    assert.equal(reader.warned("FLUME_LOGHUB_POSITION_EXPIRED"), 1);
    const skipped = reader.counted("LogHubSkippedSeconds");
    assert.ok(skipped >= 150 && skipped < 200, `${skipped} s were passed over`);
  });

  it("8: whose heartbeats are lost stops in time, its checkpoints are refused, and another goes on where it committed", async () => {
    const { service, ledger, source, emissions, allOut, held } = await fixture({ shards: 4 });
    const settings = { groupTimeout: 4, batchSize: 5 };
    const a = await source("a", settings);
    await source("b", settings);
    await eventually(() => held().get("a") === 2 && held().get("b") === 2, { within: 20_000, what: "two shards each" });
    const shards = [0, 1, 2, 3].filter((shard) => service.store().group("g").holderOf(shard) === "a");
    const stopWriting = meanwhile(() => [0, 1, 2, 3].forEach((shard) => ledger.write(shard)));
    const lost = service.inject({ on: "HeartBeat", accessKeyId: "a" }, faults.silence());
    await eventually(() => held().get("b") === 4, { within: 30_000, what: "takeover" });
    const evictedAt = Math.max(...shards.map((shard) => service.history.epochsOf(shard)[0]?.until ?? 0));
    await sleep(1_000);
    stopWriting();
    await allOut();
    ledger.assertHeld(emissions());
    ledger.assertRepeatsUncommitted(emissions());
    assert.ok(
      a.emissions.every(({ at }) => at <= evictedAt),
      "it went on after the eviction",
    );
    const late = service.history.checkpoints.entries.filter(
      ({ consumer, at, refused }) => consumer === "a" && at > evictedAt && refused === undefined,
    );
    assert.deepEqual(late, []);
    lost.end();
    await eventually(() => held().get("a") === 2, { within: 30_000, what: "a to be back" });
    assert.ok(service.history.epochs.entries.some(({ consumer, why }) => consumer === "a" && why === "evicted"));
  });

  it("8: a checkpoint that is late until another holds the shard is refused, and does not set it back", async () => {
    const { service, ledger, source, emissions, allOut, held, committed } = await fixture({ shards: 2 });
    const settings = { groupTimeout: 4 };
    await source("a", settings);
    ledger.write(0);
    ledger.write(1);
    await eventually(() => committed(0) === 1 && committed(1) === 1, { what: "first checkpoints" });
    let open = () => undefined as void;
    const until = new Promise<void>((resolve) => (open = resolve));
    const late = service.inject({ on: "UpdateCheckPoint", accessKeyId: "a" }, faults.hold(until));
    ledger.write(0);
    ledger.write(1);
    await eventually(() => late.hits === 2, { what: "checkpoints under way" });
    service.inject({ on: "HeartBeat", accessKeyId: "a" }, faults.silence());
    await source("b", settings);
    await eventually(() => held().get("b") === 2, { within: 30_000, what: "takeover" });
    ledger.write(0);
    ledger.write(1);
    await eventually(() => committed(0) === 3 && committed(1) === 3, { what: "checkpoints of the new holder" });
    open();
    const { checkpoints } = service.history;
    const refused = () => checkpoints.entries.filter((write) => write.refused !== undefined);
    await eventually(() => refused().length === 2, { what: "refusals" });
    assert.ok(refused().every(({ consumer }) => consumer === "a"));
    assert.ok(checkpoints.entries.every(({ forced }) => !forced));
    assert.deepEqual([committed(0), committed(1)], [3, 3]);
    await allOut();
    ledger.assertRepeatsUncommitted(emissions());
  });

  it("8: a process that stood still finds its shards gone before its late timer tells it", async () => {
    let now = 0;
    const evictions: string[] = [];
    const beats: (readonly number[])[] = [];
    const store = { heartbeat: (_: unknown, shards: readonly number[]) => (beats.push(shards), Promise.resolve([0])) };
    const membership = new Membership(
      store as unknown as LogStore,
      { member: { group: "g", consumer: "a" }, interval: 1_000, timeout: 3_000 },
      // Its timers never come.
      { now: () => now, after: () => () => undefined },
      new Troubles(() => undefined),
      {
        working: () => [0],
        assigned: () => undefined,
        evicted: (why) => void evictions.push(why),
        groupMissing: () => undefined,
      },
    );
    membership.begin();
    await eventually(() => beats.length === 1, { what: "heartbeat" });
    now = 2_999;
    membership.confirm();
    assert.deepEqual(evictions, []);
    now = 3_000;
    membership.confirm();
    membership.confirm();
    assert.deepEqual(evictions, ["no heartbeat was answered for 3 s"]);
    await membership.stop();
  });

  it("9: heartbeats that are slow, but in time, change nothing", async () => {
    const { service, ledger, source, emissions, allOut } = await fixture({ shards: 2 });
    await source("a", { groupTimeout: 10 });
    ledger.write(0);
    await allOut();
    const slow = service.inject({ on: "HeartBeat" }, faults.delay(2_500));
    await eventually(() => slow.hits >= 4, { what: "slow heartbeats" });
    ledger.write(1);
    await allOut();
    ledger.assertExactlyOnce(emissions());
    assert.equal(service.history.epochs.entries.length, 2);
  });

  it("10: members come, go and come back: counts differ by one, one holder emits at a time, nothing is lost", async () => {
    const { service, ledger, source, emissions, allOut, held } = await fixture({ shards: 5 });
    const settings = { groupTimeout: 4, batchSize: 5 };
    const shares = (...expected: number[]) =>
      eventually(
        () =>
          assert.deepEqual(
            [...held().values()].toSorted((a, b) => a - b),
            expected,
          ) ?? true,
        {
          within: 30_000,
          what: `shares of ${expected.join(" and ")}`,
        },
      );
    const stopWriting = meanwhile(() => [0, 1, 2, 3, 4].forEach((shard) => ledger.write(shard, 1, 2)));
    const a = await source("a", settings);
    await shares(5);
    const b = await source("b", settings);
    await shares(2, 3);
    const c = await source("c", settings);
    await shares(1, 2, 2);
    await b.stop();
    await shares(2, 3);
    await Promise.all([a.stop(), c.stop()]);
    await Promise.all([source("a", settings), source("c", settings)]);
    await sleep(1_000);
    await source("b", settings);
    await shares(1, 2, 2);
    stopWriting();
    await allOut();
    ledger.assertHeld(emissions());
    ledger.assertRepeatsUncommitted(emissions());
    assert.deepEqual(Ledger.repeated(emissions()), [], "hand-overs and stops in order repeat nothing");
    const evicted = service.history.epochs.entries.filter(({ why }) => why === "evicted");
    assert.ok(
      evicted.every(({ consumer }) => consumer === "b"),
      "only the one that left was given up",
    );
  });

  it("10: a shard moves when its old holder has delivered what it had in hand, not before", async () => {
    const { service, ledger, source, emissions, allOut, held } = await fixture({ shards: 2 });
    const a = await source("a", { groupTimeout: 30 });
    ledger.write(0);
    ledger.write(1);
    await allOut();
    let open = () => undefined as void;
    a.outlet.gate = new Promise<void>((resolve) => (open = resolve));
    ledger.write(0);
    ledger.write(1);
    await eventually(() => a.outlet.underWay === 2, { what: "deliveries under way" });
    await source("b", { groupTimeout: 30 });
    const { beats } = service.history;
    const beatsSinceAsked = () =>
      beats.entries.filter(({ consumer, reply }) => consumer === "a" && reply.length === 1).length;
    await eventually(() => beatsSinceAsked() >= 3, { what: "heartbeats after it was asked to give one away" });
    assert.deepEqual([...held()], [["a", 2]]);
    a.outlet.gate = undefined;
    open();
    await eventually(() => held().get("b") === 1, { what: "hand-over" });
    ledger.write(0);
    ledger.write(1);
    await allOut();
    ledger.assertHeld(emissions());
    ledger.assertExactlyOnce(emissions());
  });

  it("11: the same name comes back and has its shards at once", async () => {
    const { service, ledger, source, emissions, allOut } = await fixture({ shards: 3 });
    const settings = { groupTimeout: 600 };
    const before = await source("a", settings);
    [0, 1, 2].forEach((shard) => ledger.write(shard));
    await allOut();
    await before.stop();
    [0, 1, 2].forEach((shard) => ledger.write(shard));
    await source("a", settings);
    await allOut();
    ledger.assertExactlyOnce(emissions());
    assert.equal(service.history.epochs.entries.length, 3, "the shards were never anybody else's");
  });

  it("13: forgotten by the service, it owns nothing, says so with its next heartbeat and begins anew", async () => {
    const clock = clockAhead();
    const { service, ledger, source, emissions, allOut } = await fixture({ shards: 2, clock });
    const reader = await source("a", { groupTimeout: 60, checkpointInterval: 60_000 });
    ledger.write(0);
    await allOut();
    clock.ahead += 61_000;
    const { beats } = service.history;
    const refused = () => beats.entries.findIndex(({ reply }) => reply === "NotExistConsumerWithBody");
    await eventually(() => refused() >= 0 && beats.entries.length > refused() + 1, {
      what: "refusal and next heartbeat",
    });
    assert.deepEqual(beats.entries[refused() + 1]?.reported, []);
    ledger.write(1);
    await allOut();
    assert.equal(beats.entries.filter(({ reply }) => reply === "NotExistConsumerWithBody").length, 1);
    ledger.assertRepeatsUncommitted(emissions());
    assert.equal(reader.warned("FLUME_LOGHUB_EVICTED"), 1);
  });

  it("14: the group is deleted under it: made anew once, told, and it goes on where it was", async () => {
    const { service, ledger, source, emissions, allOut } = await fixture({ shards: 2 });
    const reader = await source("a");
    ledger.write(0, 20);
    ledger.write(1, 20);
    await allOut();
    const made = service.calls("CreateConsumerGroup");
    service.store().deleteGroup("g");
    ledger.write(0);
    ledger.write(1);
    await allOut();
    await sleep(1_500);
    assert.equal(service.calls("CreateConsumerGroup"), made + 1);
    assert.equal(reader.warned("FLUME_LOGHUB_GROUP_MISSING"), 1);
    ledger.assertExactlyOnce(emissions());
  });

  it("21: a stop during pulls gives them up, writes the checkpoints, and beats last", async () => {
    const { service, ledger, source, emissions, allOut, committed } = await fixture({ shards: 3 });
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    const reader = await source("a", { checkpointInterval: 600_000 });
    [0, 1, 2].forEach((shard) => ledger.write(shard, 3));
    await allOut();
    const pulls = service.inject({ on: "PullLogs" }, faults.silence());
    await eventually(() => pulls.hits >= 3, { what: "pulls under way" });
    const began = Date.now();
    await reader.stop();
    assert.ok(Date.now() - began < 10_000);
    assert.deepEqual([0, 1, 2].map(committed), [3, 3, 3]);
    const { beats, checkpoints } = service.history;
    const lastWrite = checkpoints.entries.at(-1)?.at ?? 0;
    assert.ok((beats.entries.at(-1)?.at ?? 0) >= lastWrite, "heartbeats last until the checkpoints are written");
    assert.deepEqual(beats.entries.at(-1)?.reported, []);
    ledger.assertExactlyOnce(emissions());
    const calls = () => (["HeartBeat", "PullLogs", "UpdateCheckPoint"] as const).map((name) => service.calls(name));
    const after = calls();
    await sleep(1_500);
    assert.deepEqual(calls(), after, "silent from then on");
    await eventually(() => timers() <= before, { what: "end of its timers" });
  });
});
