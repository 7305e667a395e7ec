import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import type { EventBatch } from "../../lib/engine/batch.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { HeadraceError } from "../../lib/engine/errors.js";
import { GroupConsumer } from "../../lib/protocols/loghub/consumer/group-consumer.js";
import { PullBudget } from "../../lib/protocols/loghub/consumer/pull-budget.js";
import { ShardPuller } from "../../lib/protocols/loghub/consumer/shard-puller.js";
import type { ConsumerSettings, ConsumerSurroundings } from "../../lib/protocols/loghub/consumer/surroundings.js";
import { Troubles } from "../../lib/protocols/loghub/consumer/troubles.js";
import type { LogStore, PulledGroups } from "../../lib/protocols/loghub/port.js";
import { testContext } from "../support/component-context.js";
import { bodiesOf, textBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { ManualClock } from "../support/manual-clock.js";

const SETTINGS: ConsumerSettings = {
  group: { name: "g", timeout: 60, inOrder: false },
  consumer: "c",
  position: "begin",
  heartbeatInterval: 10_000,
  checkpointInterval: 1_000,
  fetchCount: 100,
  fetchInterval: 200,
  filter: undefined,
  idleMost: 1_000,
  idleIncrement: 1_000,
  batchSize: 10,
  batchDuration: 1_000,
  memory: 32 * 1024 * 1024,
  onInvalidCursor: "begin",
};

/** A service of one shard whose groups are texts; cursors are their numbers. */
class OneShard {
  readonly clock = new ManualClock();
  readonly texts: string[] = [];
  readonly calls: string[] = [];
  readonly delivered: string[] = [];
  readonly context = testContext();
  wall = 1_000_000_000;
  saved: string | undefined;
  receivedAt = 1_000_000;
  pull: (cursor: string) => Promise<PulledGroups> = async (cursor) => {
    const at = Number(cursor);
    const text = this.texts[at] ?? "";
    return {
      groups: Buffer.from(text),
      groupCount: text === "" ? 0 : 1,
      next: String(Math.min(at + 1, this.texts.length)),
      atEnd: at + 1 >= this.texts.length,
      rawCount: text === "" ? 0 : 1,
      rawBytes: text.length,
      receivedAt: this.receivedAt,
      release: () => undefined,
    };
  };
  events: ConsumerSurroundings["events"] = (groups) => (groups.length > 0 ? [textBatch(groups.toString())] : []);
  deliver: ConsumerSurroundings["deliver"] = async (events: EventBatch, _where, signal, confirm) => {
    confirm();
    if (signal.aborted) return false;
    this.calls.push("deliver");
    this.delivered.push(...bodiesOf([events]));
    return true;
  };
  readonly store: Partial<LogStore> = {
    consumerGroups: async () => [SETTINGS.group],
    heartbeat: async (_member, shards) => {
      this.calls.push(`beat ${shards.join(",")}`);
      return [0];
    },
    shards: async () => [{ shard: 0, writable: true, beginKey: "", endKey: "" }],
    checkpoint: async () => this.saved,
    cursor: async (_shard, from) => (from === "begin" ? "0" : String(this.texts.length)),
    cursorTime: async () => 2_000,
    pull: async ({ cursor }) => {
      this.calls.push(`pull ${cursor}`);
      return await this.pull(cursor);
    },
    saveCheckpoint: async (_member, _shard, cursor) => {
      this.calls.push(`save ${cursor}`);
      this.saved = cursor;
    },
  };

  consumer(settings: Partial<ConsumerSettings> = {}): GroupConsumer {
    return new GroupConsumer(
      { ...SETTINGS, ...settings },
      {
        store: this.store as LogStore,
        clock: this.clock,
        wallTime: () => this.wall,
        counters: this.context.counters,
        log: this.context.log,
        troubles: new Troubles((error) => this.context.report(error)),
        events: (groups) => this.events(groups),
        deliver: (...call) => this.deliver(...call),
      },
    );
  }

  /** Time passes in small steps, until something holds. */
  async until(probe: () => boolean, what: string): Promise<void> {
    await eventually(
      async () => {
        if (probe()) return true;
        this.clock.pass(100);
        for (let i = 0; i < 20; i++) await turn();
        return probe();
      },
      { every: 1, within: 20_000, what },
    );
  }
}

/** What fetches the replies of a shard, alone, and the budget that it has. */
function pullerOf({ store, clock, context }: OneShard): { budget: PullBudget; puller: ShardPuller } {
  const { counters, log } = context;
  const around: Partial<ConsumerSurroundings> = {
    ...{ store: store as LogStore, clock, counters, log },
    troubles: new Troubles(() => undefined),
  };
  const none = { gone: () => undefined, expired: () => undefined };
  const budget = new PullBudget(1);
  return { budget, puller: new ShardPuller(0, "0", SETTINGS, around as ConsumerSurroundings, budget, none) };
}

describe("LogHub consumer of one shard", () => {
  it("begins again at its checkpoint after a fault of ours, and says so", async () => {
    const shard = new OneShard();
    shard.texts.push("a", "b");
    const { events } = shard;
    let faults = 1;
    shard.events = (groups) => {
      if (groups.toString() === "b" && faults-- > 0) throw new TypeError("a fault");
      return events(groups);
    };
    const consumer = shard.consumer();
    await shard.until(() => shard.delivered.includes("b"), "what comes after the fault");
    assert.match(String(shard.context.reports[0]), /a fault/);
    await shard.until(() => shard.saved === "2", "the checkpoint");
    assert.equal(shard.context.reports.at(-1), undefined);
    assert.equal(consumer.memoryUsed, 0);
    const stopping = consumer.stop();
    await shard.until(() => true, "");
    await stopping;
  });

  it("keeps writing checkpoints when somebody sets the time of day back", async () => {
    const shard = new OneShard();
    shard.texts.push("a");
    const consumer = shard.consumer();
    await shard.until(() => shard.saved === "1", "the first");
    shard.wall -= 86_400_000;
    shard.texts.push("b");
    await shard.until(() => shard.saved === "2", "the second");
    await consumer.stop();
  });

  it("tells how late it is: the oldest of what waits, and nothing when it has caught up", async () => {
    const shard = new OneShard();
    shard.texts.push("a", "b");
    let open: (() => void) | undefined;
    shard.deliver = async () => {
      await new Promise<void>((resolve) => (open = resolve));
      return true;
    };
    const consumer = shard.consumer();
    assert.equal(consumer.lag, 0);
    shard.receivedAt = shard.wall / 1000 - 90;
    await shard.until(() => open !== undefined, "a delivery under way");
    assert.equal(consumer.lag, 90);
    shard.wall += 10_000;
    assert.equal(consumer.lag, 100);
    open?.();
    await shard.until(() => consumer.lag === 0 && shard.saved === "2", "the end");
    await consumer.stop();
  });

  it("counts the time that it had to pass over, also when it had read nothing before", async () => {
    const shard = new OneShard();
    shard.texts.push("a");
    shard.saved = Buffer.from("0000001400000000007").toString("base64");
    const { pull } = shard;
    shard.pull = async (cursor) => {
      if (cursor === shard.saved) {
        const parts = { code: "InvalidCursor", request: "", reason: "" };
        throw new HeadraceError("FLUME_LOGHUB_CURSOR_INVALID", parts);
      }
      return await pull(cursor);
    };
    const consumer = shard.consumer();
    await shard.until(() => shard.delivered.length === 1, "what is still there");
    assert.equal(shard.context.counters.get("LogHubSkippedSeconds"), 600);
    assert.equal(shard.context.counters.get("LogHubCursorExpiredCount"), 1);
    assert.ok(consumer.sinceExpiry < 10_000);
    await consumer.stop();
  });

  it("hands nothing on any more once the service says that the shard is another's", async () => {
    const shard = new OneShard();
    shard.texts.push("a");
    const { saveCheckpoint } = shard.store;
    let refusals = 1;
    shard.store.saveCheckpoint = async (...call) => {
      if (refusals-- <= 0) return await saveCheckpoint?.(...call);
      shard.calls.push("refused");
      const parts = { code: "ConsumerNotMatch", request: "", reason: "" };
      throw new HeadraceError("FLUME_LOGHUB_SHARD_LOST", parts);
    };
    const consumer = shard.consumer();
    await shard.until(() => refusals === 0, "the refusal");
    shard.texts.push("b");
    const beatsAfter = () =>
      shard.calls.slice(shard.calls.indexOf("refused")).filter((call) => call.startsWith("beat"));
    await shard.until(() => beatsAfter().length > 0, "the next heartbeat");
    const refused = shard.calls.indexOf("refused");
    assert.equal(
      shard.calls[refused + 1],
      "beat ",
      "nothing is asked for, handed on or claimed before it is assigned again",
    );
    await shard.until(() => shard.delivered.length === 3, "the shard, given to it again");
    assert.deepEqual(shard.delivered, ["a", "a", "b"]);
    assert.deepEqual(shard.context.reports, []);
    await consumer.stop();
  });

  it("gives the memory of each reply back once, when its events are delivered", async () => {
    const shard = new OneShard();
    shard.texts.push("a", "b", "c");
    const { pull } = shard;
    const released: string[] = [];
    shard.pull = async (cursor) => {
      const reply = await pull(cursor);
      return {
        ...reply,
        release: () => {
          released.push(reply.groups.toString());
          reply.groups.fill("?");
        },
      };
    };
    const consumer = shard.consumer();
    await shard.until(() => shard.saved === "3", "all");
    await consumer.stop();
    assert.deepEqual(shard.delivered, ["a", "b", "c"]);
    assert.deepEqual(
      released.filter((text) => text !== ""),
      ["a", "b", "c"],
    );
    const { budget, puller } = pullerOf(shard);
    const fetched = await puller.next(NEVER);
    assert.ok(budget.used > 0);
    fetched?.release();
    fetched?.release();
    assert.equal(budget.used, 0, "however often it is told");
  });

  it("counts a reply with all the memory that it keeps, more or less than was expected of it", async () => {
    const shard = new OneShard();
    const { pull } = shard;
    const { budget, puller } = pullerOf(shard);
    for (const size of [1, 24]) {
      const memory = Buffer.allocUnsafeSlow(size * 1024 * 1024);
      shard.pull = async (cursor) => ({ ...(await pull(cursor)), rawCount: 100, groups: memory.subarray(0, 10) });
      const fetched = await puller.next(NEVER);
      assert.equal(budget.used, memory.length);
      fetched?.release();
    }
  });

  it("begins a little before the deletion of its group in a shard that others had read", async () => {
    const shard = new OneShard();
    const asked: (string | number)[] = [];
    const { cursor } = shard.store;
    shard.store.cursor = async (...call) => {
      asked.push(call[1]);
      return (await cursor?.(...call)) ?? "";
    };
    const assigned: number[][] = [[], [], [0]];
    let deletions = 1;
    shard.store.heartbeat = async () => {
      // Deleted after the first heartbeat was answered.
      if (assigned.length === 2 && deletions-- > 0) {
        throw new HeadraceError("FLUME_LOGHUB_GROUP_MISSING", { code: "", request: "", reason: "" });
      }
      return assigned.length > 1 ? (assigned.shift() ?? []) : [0];
    };
    const consumer = shard.consumer({ position: "end" });
    await shard.until(() => asked.length > 0, "the beginning");
    const [from] = asked;
    // The clock of the test says 0 when the last heartbeat before it was sent, 10 s before it was missed.
    assert.equal(from, shard.wall / 1000 - 10 - 60);
    assert.equal(shard.context.lines.filter((line) => line.includes("[FLUME_LOGHUB_GROUP_MISSING]")).length, 1);
    await consumer.stop();
  });

  it("hands nothing on after the machine slept past the group's timeout, before it holds the shard again", async () => {
    const shard = new OneShard();
    shard.texts.push("a");
    const consumer = shard.consumer();
    await shard.until(() => shard.saved === "1", "the first");
    shard.wall += 61_000;
    shard.texts.push("b");
    const { length } = shard.calls;
    await shard.until(() => shard.delivered.length === 2, "the second");
    const since = shard.calls.slice(length);
    assert.ok(since.indexOf("beat ") >= 0 && since.indexOf("beat ") < since.indexOf("deliver"), since.join("; "));
    assert.equal(shard.context.lines.filter((line) => line.includes("[FLUME_LOGHUB_EVICTED]")).length, 1);
    await consumer.stop();
  });

  it("is silent after its last checkpoint, not before", async () => {
    const shard = new OneShard();
    shard.texts.push("a");
    const consumer = shard.consumer({ checkpointInterval: 60_000 });
    await shard.until(() => shard.delivered.length === 1, "the delivery");
    await consumer.stop();
    assert.deepEqual(shard.calls.slice(-2), ["save 1", "beat "]);
  });

  it("says that it has the shard as long as its last checkpoint is on its way", async () => {
    const shard = new OneShard();
    shard.texts.push("a");
    const { store, calls } = shard;
    const { saveCheckpoint } = store;
    let write = (): void => undefined;
    const written = new Promise<void>((resolve) => (write = resolve));
    store.saveCheckpoint = async (...call) => {
      calls.push("saving");
      await written;
      await saveCheckpoint?.(...call);
    };
    const consumer = shard.consumer({ checkpointInterval: 60_000, heartbeatInterval: 200 });
    await shard.until(() => shard.delivered.length === 1, "the delivery");
    const stopped = consumer.stop();
    await shard.until(() => calls.includes("saving"), "the checkpoint");
    const beats = () => calls.slice(calls.indexOf("saving")).filter((call) => call.startsWith("beat"));
    await shard.until(() => beats().length >= 3, "heartbeats meanwhile");
    assert.deepEqual(new Set(beats()), new Set(["beat 0"]), "whoever says less gives the shard away");
    write();
    await stopped;
    assert.deepEqual(calls.slice(-2), ["save 1", "beat "]);
  });
});
