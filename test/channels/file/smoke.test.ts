import { strict as assert } from "node:assert";
import { useTempDir } from "../../support/temp-dir.js";
import { drain, events, openChannel, put } from "./support/channels.js";

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

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
});
