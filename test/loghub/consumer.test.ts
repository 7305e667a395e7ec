import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { NEVER } from "../../lib/engine/delivery.js";
import type { EventBatch } from "../../lib/engine/batch.js";
import { type ErrorCode, HeadraceError } from "../../lib/engine/errors.js";
import { ensureGroup } from "../../lib/protocols/loghub/consumer/consumer-group.js";
import { EventGathering } from "../../lib/protocols/loghub/consumer/event-gathering.js";
import { Membership } from "../../lib/protocols/loghub/consumer/membership.js";
import { PullBudget } from "../../lib/protocols/loghub/consumer/pull-budget.js";
import { PullPace } from "../../lib/protocols/loghub/consumer/pull-pace.js";
import { RetryPlan } from "../../lib/protocols/loghub/consumer/retry-plan.js";
import { ShardCheckpoint } from "../../lib/protocols/loghub/consumer/shard-checkpoint.js";
import type { Fetched } from "../../lib/protocols/loghub/consumer/shard-puller.js";
import { Troubles } from "../../lib/protocols/loghub/consumer/troubles.js";
import type { ConsumerGroupInfo, LogStore, PulledGroups } from "../../lib/protocols/loghub/port.js";
import { bodiesOf, textBatch } from "../support/event-batches.js";
import { ManualClock } from "../support/manual-clock.js";
import { staysPending } from "../support/pending.js";

const MIB = 1024 * 1024;
const refusal = (code: ErrorCode) =>
  new HeadraceError(code, { code: "", request: "", reason: "", what: "", status: 0 });
const codeOf = (error: unknown) => (error as { code?: string } | undefined)?.code;
/** Only those calls that a test needs. */
const store = (calls: Partial<LogStore>): LogStore => calls as LogStore;

describe("LogHub consumer: the group", () => {
  const wanted: ConsumerGroupInfo = { name: "g", timeout: 60, inOrder: true };

  async function ensured(there: readonly ConsumerGroupInfo[] | Error, create?: Error): Promise<(string | boolean)[]> {
    const calls: (string | boolean)[] = [];
    const known = await ensureGroup(
      store({
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
      store({ heartbeat }),
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

describe("LogHub consumer: checkpoints", () => {
  function checkpoint(interval: number, saved: string | undefined) {
    const clock = new ManualClock();
    const saves: string[] = [];
    const settled: unknown[] = [];
    const failures: Error[] = [];
    const gates: Promise<unknown>[] = [];
    const one = new ShardCheckpoint(
      {
        interval,
        clock,
        save: async (cursor, signal) => {
          saves.push(cursor);
          await gates.shift();
          signal.throwIfAborted();
          const failure = failures.shift();
          if (failure) throw failure;
        },
        settled: (error) => void settled.push(error),
      },
      "0",
      saved,
    );
    return { one, clock, saves, settled, failures, gates };
  }

  it("are written once an interval, the latest one, and none twice", async () => {
    const { one, clock, saves } = checkpoint(5_000, "0");
    one.moved("1");
    one.moved("2");
    clock.pass(4_999);
    assert.deepEqual(saves, []);
    clock.pass(1);
    await turn();
    one.moved("2");
    clock.pass(60_000);
    await turn();
    assert.deepEqual(saves, ["2"]);
    one.moved("3");
    await one.flush();
    await one.flush();
    assert.deepEqual(saves, ["2", "3"]);
  });

  it("are written where none was, though nothing has come", async () => {
    const { clock, saves } = checkpoint(5_000, undefined);
    clock.pass(5_000);
    await turn();
    assert.deepEqual(saves, ["0"]);
  });

  it("are written once more for the end of a shard that was closed meanwhile", async () => {
    const { one, clock, saves } = checkpoint(5_000, "0");
    clock.pass(5_000);
    assert.deepEqual(saves, []);
    one.forget();
    await turn();
    assert.deepEqual(saves, ["0"]);
  });

  it("are tried three times, then later; a lost shard is not tried again", async () => {
    const { one, clock, saves, settled, failures } = checkpoint(0, "0");
    failures.push(...Array.from({ length: 3 }, () => refusal("FLUME_LOGHUB_UNREACHABLE")));
    one.moved("1");
    for (let i = 0; i < 3; i++) {
      await turn();
      clock.pass(100);
    }
    await turn();
    assert.deepEqual(saves, ["1", "1", "1"]);
    assert.equal(codeOf(settled[0]), "FLUME_LOGHUB_UNREACHABLE");
    clock.pass(1_000);
    await turn();
    assert.deepEqual(saves.length, 4);
    assert.deepEqual(settled[1], undefined);
    failures.push(refusal("FLUME_LOGHUB_SHARD_LOST"));
    one.moved("2");
    await turn();
    assert.equal(saves.length, 5);
    assert.equal(codeOf(settled[2]), "FLUME_LOGHUB_SHARD_LOST");
  });

  it("are not written any more once closed", async () => {
    const { one, clock, saves } = checkpoint(1_000, "0");
    one.moved("1");
    one.close();
    clock.pass(10_000);
    await one.flush();
    assert.deepEqual(saves, []);
  });
});

describe("LogHub consumer: pace and room", () => {
  const reply = (parts: Partial<PulledGroups>): PulledGroups => ({
    groups: Buffer.alloc(0),
    groupCount: parts.rawCount ?? 0,
    next: "1",
    atEnd: false,
    rawCount: 0,
    rawBytes: 0,
    receivedAt: undefined,
    release: () => undefined,
    ...parts,
  });

  it("asks at once while replies are full, a little later while they are not, and less and less when idle", () => {
    const pace = new PullPace({ count: 100, fetchInterval: 200, idleIncrement: 1000, idleMost: 2500 });
    assert.equal(pace.after(reply({ rawCount: 100, atEnd: true }), "0"), 0);
    assert.equal(pace.after(reply({ rawCount: 1, rawBytes: MIB }), "0"), 0);
    assert.equal(pace.after(reply({ rawCount: 99, rawBytes: MIB - 1 }), "0"), 200);
    assert.equal(pace.after(reply({ rawCount: 1, rawBytes: MIB, atEnd: true }), "0"), 200);
    const idle = reply({ next: "0", atEnd: undefined });
    assert.deepEqual(
      Array.from({ length: 4 }, () => pace.after(idle, "0")),
      [1000, 2000, 2500, 2500],
    );
    // All filtered away by the service, and yet it read its fill.
    assert.equal(pace.after(reply({ rawCount: 100, groupCount: 0 }), "0"), 0);
    assert.equal(pace.after(idle, "0"), 1000);
  });

  it("lets in as many replies as fit, in turn, and always one", async () => {
    const budget = new PullBudget(25 * MIB);
    const first = await budget.book(NEVER);
    const second = await budget.book(NEVER);
    const third = budget.book(NEVER);
    const fourth = budget.book(NEVER);
    assert.ok(await staysPending(third));
    first.holds(6 * MIB);
    assert.ok(await staysPending(third));
    second.holds(9 * MIB);
    const booking = await third;
    assert.equal(budget.used, 25 * MIB);
    assert.ok(await staysPending(fourth));
    booking.holds(60 * MIB);
    second.release();
    second.release();
    first.release();
    assert.ok(await staysPending(fourth));
    booking.release();
    (await fourth).release();
    assert.equal(budget.used, 0);
    const small = new PullBudget(1);
    await small.book(NEVER);
    assert.ok(await staysPending(small.book(NEVER)));
  });

  it("lets nobody in for one who does not wait any more", async () => {
    const budget = new PullBudget(25 * MIB);
    const withdrawn = new AbortController();
    const [held] = [await budget.book(NEVER), await budget.book(NEVER)];
    const waiting = budget.book(withdrawn.signal);
    withdrawn.abort();
    await assert.rejects(waiting);
    assert.ok(await staysPending(budget.book(withdrawn.signal).catch(() => new Promise(() => undefined))));
    held?.release();
    await budget.book(NEVER);
    assert.equal(budget.used, 20 * MIB);
  });

  it("expects replies like the largest of late, where the service sends more than is usual", async () => {
    const budget = new PullBudget(100 * MIB);
    const large = await budget.book(NEVER);
    large.holds(60 * MIB);
    const next = budget.book(NEVER);
    assert.ok(await staysPending(next));
    large.release();
    const booking = await next;
    assert.equal(budget.used, 60 * MIB);
    for (let i = 0; i < 20; i++) booking.holds(MIB);
    const usual = await Promise.all(Array.from({ length: 9 }, () => budget.book(NEVER)));
    assert.equal(usual.length, 9);
    assert.equal(budget.used, 91 * MIB);
  });

  it("leaves a limited shard alone for longer, and waits for a person longest", () => {
    const plan = new RetryPlan(Number.POSITIVE_INFINITY, () => 0.5);
    const waits = (code: ErrorCode, times: number) =>
      Array.from({ length: times }, () => {
        const { wait, tell } = plan.failed(refusal(code));
        return `${wait}${tell ? " told" : ""}`;
      });
    assert.deepEqual(waits("FLUME_LOGHUB_QUOTA", 5), ["1000", "2000", "4000 told", "8000 told", "10000 told"]);
    plan.succeeded();
    assert.deepEqual(waits("FLUME_LOGHUB_UNREACHABLE", 3), ["250", "500", "1000 told"]);
    assert.deepEqual(waits("FLUME_LOGHUB_UNAUTHORIZED", 4), ["5000 told", "10000 told", "20000 told", "30000 told"]);
  });
});

describe("LogHub consumer: what goes together", () => {
  /** Replies are texts: events are their words, in parts of two. */
  function gathering() {
    const clock = new ManualClock();
    const handed: string[] = [];
    const delivered: string[] = [];
    const released: string[] = [];
    const answers: boolean[] = [];
    const events = function* (groups: Buffer): Generator<EventBatch> {
      const words = groups
        .toString()
        .split(" ")
        .filter((word) => word !== "");
      for (let i = 0; i < words.length; i += 2) yield textBatch(...words.slice(i, i + 2));
    };
    const one = new EventGathering({ batchSize: 2, batchDuration: 1_000 }, clock, {
      events,
      deliver: async (batch) => {
        if (answers.shift() === false) return false;
        handed.push(bodiesOf([batch]).join(" "));
        return true;
      },
      delivered: ({ next }) => void delivered.push(next),
    });
    const reply = (text: string, next: string, atEnd = false): Fetched => ({
      groups: Buffer.from(text),
      next,
      atEnd,
      receivedAt: undefined,
      release: () => void released.push(next),
    });
    return { one, clock, handed, delivered, released, answers, reply };
  }

  it("is what is less than a batch, with what follows it, for a while", async () => {
    const { one, clock, handed, delivered, released, reply } = gathering();
    assert.equal(one.due, undefined);
    assert.ok(await one.add(reply("a", "1")));
    assert.deepEqual([handed, delivered, released], [[], [], []]);
    clock.pass(400);
    assert.equal(one.due, 600);
    assert.ok(await one.add(reply("b c d", "2")));
    assert.deepEqual(handed, ["a b c"]);
    assert.deepEqual(delivered, ["1"], "of the second one a part still waits");
    assert.equal(one.due, 1_000);
    assert.ok(await one.flush());
    assert.deepEqual(
      [handed, delivered, released],
      [
        ["a b c", "d"],
        ["1", "2"],
        ["1", "2"],
      ],
    );
  });

  it("is nothing that has to wait for what does not follow", async () => {
    const { one, handed, delivered, reply } = gathering();
    await one.add(reply("a b c", "1", true));
    await one.add(reply("", "2"));
    await one.add(reply("", "3", true));
    assert.deepEqual(
      [handed, delivered],
      [
        ["a b", "c"],
        ["1", "2", "3"],
      ],
    );
  });

  it("is not delivered when a part was taken back", async () => {
    const { one, handed, delivered, released, answers, reply } = gathering();
    answers.push(true, false);
    assert.equal(await one.add(reply("a b c", "1", true)), false);
    assert.deepEqual([handed, delivered, released], [["a b"], [], []]);
    one.discard();
    assert.deepEqual([delivered, released], [[], ["1"]]);
  });
});

describe("LogHub consumer: troubles", () => {
  it("are over when the last of them is", () => {
    const reports: unknown[] = [];
    const troubles = new Troubles((error) => reports.push(error));
    troubles.begins("a", 1);
    troubles.begins("b", 2);
    troubles.ends("c");
    troubles.ends("a");
    troubles.ends("a");
    assert.deepEqual(reports, [1, 2]);
    troubles.ends("b");
    assert.deepEqual(reports, [1, 2, undefined]);
  });

  it("with one cause are told by the first that has it, again and again", () => {
    const reports: unknown[] = [];
    const troubles = new Troubles((error) => reports.push(codeOf(error)));
    for (const where of ["a", "b", "a", "c"]) troubles.begins(where, refusal("FLUME_LOGHUB_UNREACHABLE"));
    troubles.begins("b", refusal("FLUME_LOGHUB_QUOTA"));
    assert.deepEqual(reports.splice(0), ["FLUME_LOGHUB_UNREACHABLE", "FLUME_LOGHUB_UNREACHABLE", "FLUME_LOGHUB_QUOTA"]);
    troubles.ends("a");
    troubles.begins("c", refusal("FLUME_LOGHUB_UNREACHABLE"));
    assert.deepEqual(reports, ["FLUME_LOGHUB_UNREACHABLE"]);
  });
});
