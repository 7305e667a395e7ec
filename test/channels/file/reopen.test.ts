import { strict as assert } from "node:assert";
import { cp, readdir } from "node:fs/promises";
import { NEVER } from "../../../lib/engine/delivery.js";
import { useTempDir } from "../../support/temp-dir.js";
import { drain, events, put, range } from "../support/work.js";
import { openChannel } from "./support/channels.js";

describe("file channel", () => {
  const dir = useTempDir();

  it("gives back what was put, in order, after being closed and opened", async () => {
    const first = await openChannel(dir().path);
    for (let i = 0; i < 100; i++) await put(first.channel, events(i * 100, 100, 500));
    assert.equal(first.channel.size, 10_000);
    await first.channel.stop();
    const second = await openChannel(dir().path);
    assert.deepEqual(second.channel.damage, []);
    assert.equal(second.channel.size, 10_000);
    assert.deepEqual(await drain(second.channel), range(0, 10_000));
    await second.channel.stop();
    const third = await openChannel(dir().path);
    assert.equal(third.channel.size, 0);
    await third.channel.stop();
  });

  it("a transaction that is larger than a segment gets one of its own", async () => {
    const first = await openChannel(dir().path);
    await put(first.channel, events(0, 2));
    await put(first.channel, events(2, 2, 5 * 1024 * 1024));
    await put(first.channel, events(4, 2));
    await first.channel.stop();
    const second = await openChannel(dir().path);
    assert.deepEqual(await drain(second.channel), range(0, 6));
    await second.channel.stop();
  });

  it("numbers of puts that were given up are never used again", async () => {
    const first = await openChannel(dir().path);
    const { channel } = first;
    await put(channel, events(0, 5));
    (await channel.prepare(events(100, 50), NEVER)).abort();
    assert.deepEqual(await drain(channel), range(0, 5));
    const kept = dir().file("kept");
    // As a kill leaves it: the take record tells of a watermark that no put record reaches. Spare segments come and
    // go meanwhile, and hold nothing.
    await cp(dir().file("data"), kept, { recursive: true, filter: (path) => !/lock$|spare-[^/]*$/.test(path) });
    await channel.stop();
    for (let i = 0; i < 3; i++) {
      const again = await openChannel(dir().path, { directories: [kept], checkpointDirectory: dir().file(`none${i}`) });
      assert.deepEqual(await drain(again.channel), i === 0 ? [] : range(i * 10, i * 10 + 5));
      await put(again.channel, events((i + 1) * 10, 5));
      await again.channel.stop();
    }
  });

  it("several data directories are used in turn", async () => {
    const directories = [dir().file("one"), dir().file("two"), dir().file("three")];
    const first = await openChannel(dir().path, { directories, largestSegment: 64 * 1024 });
    for (let i = 0; i < 30; i++) await put(first.channel, events(i * 20, 20, 500));
    for (const directory of directories) {
      assert.ok(
        (await readdir(directory)).some((name) => name.startsWith("log-")),
        directory,
      );
    }
    await first.channel.stop();
    const second = await openChannel(dir().path, { directories, largestSegment: 64 * 1024 });
    assert.deepEqual(await drain(second.channel), range(0, 600));
    await second.channel.stop();
  });
});
