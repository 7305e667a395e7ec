import assert from "node:assert/strict";
import { ManualClock } from "../support/manual-clock.js";
import type { ConsumerGroup } from "./emulator/consumer-group.js";
import { History } from "./emulator/history.js";
import { Logstore, type LogstoreSettings } from "./emulator/logstore.js";
import { ServiceError } from "./emulator/service-error.js";

describe("Log Service emulator: shards and consumer groups", () => {
  const log = { time: 1, contents: [["k", "v"]] as const };

  function logstore({ shards = 4, ttl = 1_000, endOfReadOnly = "on-write" }: Partial<LogstoreSettings> = {}) {
    const clock = new ManualClock(1_700_000_000_000);
    const history = new History(10_000);
    const store = new Logstore({ name: "logs", shards, ttl, capacity: 1e6, endOfReadOnly }, clock, history);
    const beat = (group: ConsumerGroup, consumer: string, shards: readonly number[]) =>
      group.heartbeat(consumer, shards, clock.now());
    const save = (group: ConsumerGroup, consumer: string, shard: number, checkpoint: string, force = false) =>
      group.save({ consumer, shard, checkpoint, force }, clock.now());
    return { clock, history, store, beat, save };
  }
  const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected;

  it("cursors are dense, in the order of time, and those of trimmed groups are invalid", () => {
    const { clock, store } = logstore({ shards: 1 });
    const shard = store.shard(0);
    for (let index = 0; index < 3; index++) {
      store.appendLogs({ logs: [log] }, 0);
      clock.pass(400_000);
    }
    assert.equal(shard.firstSince(1_700_000_000), 0);
    assert.equal(shard.firstSince(1_700_000_001), 1);
    assert.equal(shard.firstSince(1_700_009_999), 3);
    const second = shard.cursorOf(1);
    const previous = Buffer.from(String(BigInt(Buffer.from(second, "base64").toString()) - 1n)).toString("base64");
    assert.equal(shard.keptPlaceOf(previous), 0);
    assert.throws(() => shard.keptPlaceOf(shard.cursorOf(4)), code("InvalidCursor"));
    assert.throws(() => shard.keptPlaceOf("nonsense"), code("InvalidCursor"));
    assert.equal(store.shard(0).begin, 1, "older than the ttl");
    assert.throws(() => shard.keptPlaceOf(previous), code("InvalidCursor"));
  });

  it("members share the shards, counts differing by one at most, and a shard moves when its holder lets go", () => {
    const { clock, history, store, beat } = logstore();
    const group = store.createGroup({ name: "g", timeout: 10, order: false });
    assert.deepEqual(beat(group, "a", []), [0, 1, 2, 3]);
    assert.deepEqual(beat(group, "b", []), [], "nothing is free");
    assert.deepEqual(beat(group, "a", [0, 1, 2, 3]), [0, 1], "two are in transfer");
    assert.equal(group.holderOf(3), "a");
    assert.deepEqual(beat(group, "b", []), [], "not yet let go");
    assert.deepEqual(beat(group, "a", [0, 1, 2]), [0, 1]);
    assert.deepEqual(beat(group, "b", []), [3]);
    assert.deepEqual(beat(group, "a", [0, 1]), [0, 1]);
    assert.deepEqual(beat(group, "b", [3]), [2, 3]);
    for (const shard of [2, 3]) {
      const [first, second] = history.epochsOf(shard);
      assert.equal(first?.why, "handed over");
      assert.equal(second?.consumer, "b");
      assert.ok((first.until ?? Number.NaN) <= second.from);
    }
    clock.pass(9_000);
    beat(group, "b", [2, 3]);
    clock.pass(2_000);
    assert.deepEqual(beat(group, "b", [2, 3]), [0, 1, 2, 3], "a has timed out");
    assert.throws(() => beat(group, "a", [0, 1]), code("NotExistConsumerWithBody"));
    assert.deepEqual(beat(group, "a", []), [], "joined again");
  });

  it("a shard in transfer stays with its holder when the one it is meant for times out", () => {
    const { clock, store, beat } = logstore({ shards: 2 });
    const group = store.createGroup({ name: "g", timeout: 10, order: false });
    beat(group, "a", []);
    beat(group, "b", []);
    clock.pass(6_000);
    assert.deepEqual(beat(group, "a", [0, 1]), [0]);
    clock.pass(6_000);
    assert.deepEqual(beat(group, "a", [0, 1]), [0, 1]);
  });

  it("a checkpoint is refused from whoever does not hold the shard, unless forced", () => {
    const { store, beat, save } = logstore({ shards: 2 });
    const group = store.createGroup({ name: "g", timeout: 10, order: false });
    const cursor = store.shard(0).cursorOf(0);
    assert.throws(() => save(group, "a", 0, cursor), code("ConsumerNotExist"));
    beat(group, "a", []);
    beat(group, "b", []);
    save(group, "a", 0, cursor);
    assert.throws(() => save(group, "b", 0, cursor), code("ConsumerNotMatch"));
    save(group, "b", 0, cursor, true);
    assert.throws(() => save(group, "a", 9, cursor), code("ShardNotExist"));
    assert.throws(() => save(group, "a", 0, "not base64"), code("InvalidShardCheckPoint"));
    save(group, "a", 1, cursor);
    assert.deepEqual(beat(group, "a", [0]), [0], "1 has gone to b");
    assert.throws(() => save(group, "a", 1, cursor), code("ConsumerNotMatch"));
  });

  for (const endOfReadOnly of ["on-write", "at-once"] as const) {
    it(`in order, children wait until their parent has been read to its end (${endOfReadOnly})`, () => {
      const { store, beat, save } = logstore({ shards: 1, endOfReadOnly });
      const group = store.createGroup({ name: "g", timeout: 10, order: true });
      const loose = store.createGroup({ name: "loose", timeout: 10, order: false });
      beat(group, "a", []);
      beat(loose, "a", []);
      store.appendLogs({ logs: [log] }, 0);
      save(group, "a", 0, store.shard(0).cursorOf(1));
      const [parent, left, right] = store.split(0, `8${"0".repeat(31)}`);
      assert.deepEqual([parent?.writable, left?.writable, right?.writable], [false, true, true]);
      assert.equal(left?.range.end, right?.range.begin);
      assert.deepEqual(beat(loose, "a", [0]), [0, 1, 2]);
      if (endOfReadOnly === "on-write") {
        assert.deepEqual(beat(group, "a", [0]), [0]);
        save(group, "a", 0, store.shard(0).cursorOf(0));
        assert.equal(group.stateOf(1), "wait");
        save(group, "a", 0, store.shard(0).cursorOf(1));
      }
      assert.equal(group.stateOf(0), "over");
      assert.deepEqual(beat(group, "a", [0]), [1, 2]);
      save(group, "", 0, store.shard(0).cursorOf(0), true);
      assert.deepEqual(beat(group, "a", [1, 2]), [0, 1, 2], "set back, so to be read again");
    });
  }

  it("the child of a merge waits for both parents; taking away the order frees it", () => {
    const { store, beat, save, clock } = logstore({ shards: 2 });
    const group = store.createGroup({ name: "g", timeout: 10, order: true });
    beat(group, "a", []);
    store.merge(0);
    save(group, "a", 0, store.shard(0).cursorOf(0));
    assert.equal(group.stateOf(2), "wait");
    group.change({ order: false }, clock.now());
    assert.deepEqual(beat(group, "a", [0, 1]), [1, 2]);
  });
});
