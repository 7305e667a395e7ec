import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { NEVER } from "../../lib/engine/delivery.js";
import type { ErrorCode } from "../../lib/engine/errors.js";
import { ensureGroup } from "../../lib/protocols/loghub/consumer/consumer-group.js";
import { Membership } from "../../lib/protocols/loghub/consumer/membership.js";
import { Troubles } from "../../lib/protocols/loghub/consumer/troubles.js";
import type { ConsumerGroupInfo, LogStore } from "../../lib/protocols/loghub/port.js";
import { ManualClock } from "../support/manual-clock.js";
import { codeOf, refusal, storeOf } from "./support/fake-store.js";

describe("LogHub consumer: the group", () => {
  const wanted: ConsumerGroupInfo = { name: "g", timeout: 60, inOrder: true };

  async function ensured(there: readonly ConsumerGroupInfo[] | Error, create?: Error): Promise<(string | boolean)[]> {
    const calls: (string | boolean)[] = [];
    const known = await ensureGroup(
      storeOf({
        consumerGroups: async () => {
          if (there instanceof Error) throw there;
          return there;
        },
        createConsumerGroup: async ({ name }) => {
          calls.push(`create ${name}`);
          if (create) throw create;
        },
        updateConsumerGroup: async ({ name, timeout, inOrder }) => void calls.push(`${name} ${timeout} ${inOrder}`),
      }),
      wanted,
      NEVER,
    );
    return [...calls, known];
  }

  it("is left alone, changed or made, as needed", async () => {
    assert.deepEqual(await ensured([wanted]), [true]);
    assert.deepEqual(await ensured([{ ...wanted, timeout: 30 }]), ["g 60 true", true]);
    assert.deepEqual(await ensured([{ ...wanted, name: "other" }]), ["create g", false]);
  });

  it("may be made by somebody else at the same time, and need not be listed", async () => {
    assert.deepEqual(await ensured([], refusal("FLUME_LOGHUB_GROUP_EXISTS")), ["create g", "g 60 true", true]);
    const other = [{ ...wanted, name: "G" }];
    assert.deepEqual(await ensured(other), ["create g", false]);
    assert.deepEqual(await ensured(other, refusal("FLUME_LOGHUB_GROUP_EXISTS")), ["create g", "g 60 true", true]);
    assert.deepEqual(await ensured(refusal("FLUME_LOGHUB_UNAUTHORIZED")), ["create g", false]);
    await assert.rejects(ensured(refusal("FLUME_LOGHUB_UNREACHABLE")), { code: "FLUME_LOGHUB_UNREACHABLE" });
  });
});

/** A member whose heartbeats are answered by hand. */
class Beats {
  readonly clock = new ManualClock(1_000_000);
  readonly working = new Set<number>();
  readonly assigned: number[][] = [];
  readonly evictions: string[] = [];
  readonly regrouped: unknown[] = [];
  readonly reports: unknown[] = [];
  readonly sent: {
    readonly shards: readonly number[];
    answer(shards: readonly number[]): Promise<void>;
    refuse(code: ErrorCode): Promise<void>;
  }[] = [];
  readonly member: Membership;

  constructor() {
    const heartbeat: LogStore["heartbeat"] = (_member, shards) =>
      new Promise((resolve, reject) => {
        this.sent.push({
          shards,
          answer: async (assigned) => (resolve(assigned), await turn()),
          refuse: async (code) => (reject(refusal(code)), await turn()),
        });
      });
    this.member = new Membership(
      storeOf({ heartbeat }),
      { member: { group: "g", consumer: "c" }, interval: 10_000, timeout: 60_000 },
      this.clock,
      new Troubles((error) => this.reports.push(error)),
      {
        working: () => this.working,
        assigned: (shards) => void this.assigned.push([...shards]),
        evicted: (why) => {
          this.evictions.push(why);
          this.working.clear();
        },
        groupMissing: (error) => void this.regrouped.push(error),
      },
    );
    this.member.begin();
  }

  get last() {
    return this.sent.at(-1) as Beats["sent"][number];
  }

  /** One heartbeat further. */
  async next(): Promise<Beats["sent"][number]> {
    const before = this.sent.length;
    this.clock.pass(10_000);
    await turn();
    assert.equal(this.sent.length, before + 1);
    return this.last;
  }
}

describe("LogHub consumer: heartbeats", () => {
  it("tell what is still worked on, not what was assigned last", async () => {
    const beats = new Beats();
    assert.deepEqual(beats.last.shards, []);
    await beats.last.answer([1, 2]);
    beats.working.add(1).add(2);
    const second = await beats.next();
    assert.deepEqual(second.shards, [1, 2]);
    await second.answer([1]);
    assert.deepEqual((await beats.next()).shards, [1, 2], "2 is not finished yet");
    await beats.last.answer([1]);
    beats.working.delete(2);
    beats.member.hurry();
    beats.clock.pass(500);
    assert.deepEqual(beats.last.shards, [1]);
    assert.deepEqual(beats.assigned, [[1, 2], [1], [1]]);
  });

  it("go on without answers, claim again what they have claimed, and believe the newest answer", async () => {
    const beats = new Beats();
    await beats.last.answer([1, 2]);
    beats.working.add(1).add(2);
    const slow = await beats.next();
    beats.working.delete(2);
    const quick = await beats.next();
    assert.deepEqual(quick.shards, [1, 2]);
    await quick.answer([1]);
    await slow.answer([1, 2]);
    assert.deepEqual(beats.assigned, [[1, 2], [1]]);
    assert.deepEqual((await beats.next()).shards, [1]);
  });

  it("that are not answered for the timeout mean that nothing is held, counted from when the last good one was sent", async () => {
    const beats = new Beats();
    beats.clock.pass(5_000);
    // Sent at 0, answered at 5 s.
    await beats.last.answer([1]);
    beats.working.add(1);
    beats.clock.pass(54_999);
    assert.equal(beats.evictions.length, 0);
    beats.clock.pass(1);
    assert.equal(beats.evictions.length, 1);
    await beats.next();
    assert.deepEqual(beats.last.shards, []);
  });

  it("delayed by less than the timeout evict nobody", async () => {
    const beats = new Beats();
    await beats.last.answer([1]);
    beats.working.add(1);
    const waiting: Beats["sent"][number][] = [];
    for (let i = 0; i < 30; i++) {
      beats.clock.pass(10_000);
      await turn();
      if (!waiting.includes(beats.last)) waiting.push(beats.last);
      if (waiting.length > 3) await waiting.shift()?.answer([1]);
    }
    assert.deepEqual(beats.evictions, []);
  });

  it("of a consumer that the service has forgotten begin with nothing at once", async () => {
    const beats = new Beats();
    await beats.last.answer([1]);
    beats.working.add(1);
    const old = await beats.next();
    const second = await beats.next();
    await second.refuse("FLUME_LOGHUB_CONSUMER_UNKNOWN");
    assert.equal(beats.evictions.length, 1);
    beats.clock.pass(500);
    assert.deepEqual(beats.last.shards, []);
    const { length } = beats.assigned;
    await old.answer([1]);
    assert.equal(beats.assigned.length, length, "an answer from before counts no more");
    await beats.last.refuse("FLUME_LOGHUB_CONSUMER_UNKNOWN");
    assert.equal(beats.evictions.length, 1);
  });

  it("ask again sooner after a failure, and tell what a person must mend", async () => {
    const beats = new Beats();
    await beats.last.refuse("FLUME_LOGHUB_UNREACHABLE");
    beats.clock.pass(400);
    assert.equal(beats.sent.length, 2);
    assert.deepEqual(beats.reports, []);
    await beats.last.refuse("FLUME_LOGHUB_UNAUTHORIZED");
    assert.deepEqual(beats.reports.map(codeOf), ["FLUME_LOGHUB_UNAUTHORIZED"]);
    await (await beats.next()).answer([]);
    assert.equal(beats.reports.at(-1), undefined);
  });

  it("end with one last that tells what is left", async () => {
    const beats = new Beats();
    await beats.last.answer([1]);
    const { length } = beats.sent;
    const stopping = beats.member.stop();
    await turn();
    assert.equal(beats.sent.length, length + 1);
    await beats.last.answer([1]);
    await stopping;
    beats.clock.pass(1_000_000);
    assert.equal(beats.sent.length, length + 1);
    assert.deepEqual(beats.assigned, [[1]]);
    assert.deepEqual(beats.evictions, []);
  });
});
