import assert from "node:assert/strict";
import { NEVER } from "../../lib/engine/delivery.js";
import type { ErrorCode } from "../../lib/engine/errors.js";
import { PullBudget } from "../../lib/protocols/loghub/consumer/pull-budget.js";
import { PullPace } from "../../lib/protocols/loghub/consumer/pull-pace.js";
import { RetryPlan } from "../../lib/protocols/loghub/consumer/retry-plan.js";
import type { PulledGroups } from "../../lib/protocols/loghub/port.js";
import { staysPending } from "../support/pending.js";
import { refusal } from "./support/fake-store.js";

const MIB = 1024 * 1024;

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
