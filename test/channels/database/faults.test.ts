import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Channel } from "../../../lib/engine/contracts.js";
import { onLeftover } from "../../support/cleanup.js";
import { eventually } from "../../support/eventually.js";
import { node24 } from "../../support/machine.js";
import { skip } from "../../support/skip.js";
import { useTempDir } from "../../support/temp-dir.js";
import { mountMemory } from "../support/memory-disk.js";
import { drain, events, numbersOf, put, range, refusal, reported, takeSome } from "../support/work.js";
import { databaseChannel, openDatabaseChannel } from "./support/channels.js";
import { sqliteUnavailable } from "./support/sql.js";

/** Puts a hundred at a time until it is refused; returns how many were answered, and why no more. */
async function fill(channel: Channel, first = 0): Promise<{ next: number; why: string }> {
  for (let next = first; ; next += 100) {
    const why = await refusal(put(channel, events(next, 100, 1000)));
    if (why !== "accepted") return { next, why };
  }
}

describe("database channel on SQLite on a bad day", function () {
  this.timeout(60_000);
  before(async function () {
    const reason = await sqliteUnavailable();
    if (reason !== undefined) skip(this, reason);
  });
  const dir = useTempDir();

  it("says that a directory cannot be written, and opens the file once it can", async function () {
    const folder = dir().file("small");
    const disk = await mountMemory(this, folder, "size=32m,ro");
    try {
      const { channel } = databaseChannel(folder);
      assert.equal(await refusal(channel.start()), "FLUME_DATABASE_CANNOT_OPEN");
      disk.remount("rw");
      await channel.start();
      await put(channel, events(0, 5));
      await channel.stop();
      disk.remount("ro");
      assert.match(await refusal(channel.start()), /^FLUME_DATABASE_(CANNOT_OPEN|READ_ONLY)$/);
      disk.remount("rw");
      await channel.start();
      assert.deepEqual(await drain(channel), range(0, 5));
      await channel.stop();
    } finally {
      disk.unmount();
    }
  });

  it("a full disk, for real: puts are refused, what is held goes out, and it goes on", async function () {
    const folder = dir().file("small");
    const disk = await mountMemory(this, folder, "size=24m");
    try {
      const { channel, context } = await openDatabaseChannel(folder);
      const { next, why } = await fill(channel);
      assert.equal(why, "FLUME_DATABASE_FULL");
      assert.ok(next > 5000, `${next}`);
      assert.deepEqual(await drain(channel), range(0, next));
      await put(channel, events(next, 100, 1000));
      assert.equal(reported(context).at(-1), "over");
      assert.deepEqual(await drain(channel), range(next, next + 100));
      await channel.stop();
    } finally {
      disk.unmount();
    }
  });

  it("a disk that others have filled: takes go on, and puts again when there is room", async function () {
    const folder = dir().file("small");
    const disk = await mountMemory(this, folder, "size=40m");
    try {
      const { channel, context } = await openDatabaseChannel(folder);
      await put(channel, events(0, 1000, 1000));
      const others = join(folder, "others");
      await writeFile(others, Buffer.alloc(64 * 1024 * 1024)).catch(() => undefined);
      const { next, why } = await fill(channel, 1000);
      assert.equal(why, "FLUME_DATABASE_FULL");
      assert.equal(
        await refusal(put(channel, events(next, 100, 1000))),
        "FLUME_DATABASE_FULL",
        "again, and as clearly",
      );
      const consumer = channel.connect({ id: "taker", maxLeases: 1 });
      const taken: number[] = [];
      for (let i = 0; i < 50; i++) {
        const take = await takeSome(consumer, 10);
        assert.ok(take);
        taken.push(...numbersOf(take.batch));
        await take.commit();
      }
      assert.deepEqual(taken, range(0, 500));
      assert.equal(reported(context).at(-1), "FLUME_DATABASE_FULL", "the trouble is not over while puts are refused");
      await rm(others);
      const after = await eventually(async () => {
        const code = await refusal(put(channel, events(next, 100, 1000)));
        return code === "accepted";
      });
      assert.ok(after);
      assert.equal(reported(context).at(-1), "over");
      await channel.stop();
      const again = await openDatabaseChannel(folder);
      assert.deepEqual(await drain(again.channel), range(500, next + 100));
      await again.channel.stop();
    } finally {
      disk.unmount();
    }
  });

  it("a file that was removed while it was open: nothing is answered that nobody could find, and it goes on in a new one", async () => {
    const { channel, context } = await openDatabaseChannel(dir().path);
    await put(channel, events(0, 10));
    await rm(dir().file("channel.db"));
    assert.equal(await refusal(put(channel, events(10, 10))), "FLUME_DATABASE_CANNOT_OPEN");
    assert.match(String(context.reports.at(-1)), /was removed or replaced while it was open/);
    await put(channel, events(20, 10));
    assert.equal(reported(context).at(-1), "over");
    await channel.stop();
    const again = await openDatabaseChannel(dir().path);
    assert.deepEqual(await drain(again.channel), range(20, 30));
    // Without its lock another could have the same name.
    await rm(dir().file("channel.db.headrace_events_channel.lock"));
    assert.equal(await refusal(put(again.channel, events(30, 10))), "FLUME_DATABASE_CANNOT_OPEN");
    await put(again.channel, events(40, 10));
    assert.deepEqual(await drain(again.channel), range(40, 50));
    await again.channel.stop();
  });

  it("a name that another process uses is refused while that lives, and free when it was killed", async () => {
    const child = spawn(node24, [join(__dirname, "support", "kill-child.js"), dir().path, "0"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = new Promise((resolve) => child.once("close", resolve));
    const kill = async () => {
      child.kill("SIGKILL");
      await closed;
      forget();
    };
    const forget = onLeftover(`owner of a database channel, process ${child.pid}`, kill);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.stdout.resume();
    assert.equal(await refusal(openDatabaseChannel(dir().path)), "FLUME_DATABASE_IN_USE");
    await kill();
    const { channel } = await openDatabaseChannel(dir().path);
    await channel.stop();
  });
});
