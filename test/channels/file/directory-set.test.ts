import { strict as assert } from "node:assert";
import { cp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SET_NAME } from "../../../nodes/channels/file/directory-set.js";
import { useTempDir } from "../../support/temp-dir.js";
import { mountMemory } from "../support/memory-disk.js";
import { drain, events, put, range } from "../support/work.js";
import { type OpenChannel, openChannel } from "./support/channels.js";

const COUNT = 4000;

describe("file channel with several directories", function () {
  this.timeout(60_000);
  const dir = useTempDir();
  const [a, b, c] = ["a", "b", "c"].map((name) => () => dir().file(name)) as [() => string, () => string, () => string];

  const open = (...directories: string[]): Promise<OpenChannel> => openChannel(dir().path, { directories });
  const segmentsIn = async (directory: string) =>
    (await readdir(directory)).filter((name) => /^(log|spare)-/.test(name)).length;

  async function filled(...directories: string[]): Promise<void> {
    const { channel } = await open(...directories);
    for (let i = 0; i < COUNT / 100; i++) await put(channel, events(i * 100, 100, 1000));
    await channel.stop();
  }

  it("uses them in turn", async () => {
    await filled(a(), b());
    assert.ok((await segmentsIn(a())) > 1 && (await segmentsIn(b())) > 1);
    const { channel } = await open(b(), a());
    assert.deepEqual(await drain(channel), range(0, COUNT));
    await channel.stop();
  });

  it("empties one that was taken out of the settings, puts nothing more there, and then forgets it", async () => {
    await filled(a(), b());
    const { channel } = await open(b());
    assert.equal(channel.size, COUNT);
    const held = await segmentsIn(a());
    for (let i = 0; i < 20; i++) await put(channel, events(COUNT + i * 100, 100, 1000));
    assert.equal(await segmentsIn(a()), held);
    assert.deepEqual(await drain(channel), range(0, COUNT + 2000));
    await channel.stop();
    const again = await open(b());
    await again.channel.stop();
    assert.equal(await segmentsIn(a()), 0);
    const third = await open(b());
    assert.deepEqual(third.channel.damage, []);
    await third.channel.stop();
    assert.ok(!(await readFile(join(b(), SET_NAME), "utf8")).includes(JSON.stringify(a())));
  });

  it("keeps what the only one held when another is named in its place", async () => {
    await filled(a());
    const { channel } = await open(b());
    await put(channel, events(COUNT, 10));
    assert.deepEqual(await drain(channel), range(0, COUNT + 10));
    await channel.stop();
  });

  it("knows them after they were moved", async () => {
    await filled(a(), b());
    await rename(a(), c());
    const { channel } = await open(b(), c());
    assert.deepEqual(await drain(channel), range(0, COUNT));
    await channel.stop();
  });

  it("waits for a disk that is not mounted, and has lost nothing once it is", async function () {
    const elsewhere = dir().file("elsewhere");
    for (const others of [[b()], []]) {
      const before = await mountMemory(this, a(), "size=24m");
      try {
        await filled(a(), ...others);
        await cp(a(), elsewhere, { recursive: true });
      } finally {
        before.unmount();
      }
      for (let i = 0; i < 2; i++) {
        await assert.rejects(open(a(), ...others), { code: "FLUME_FILE_CHANNEL_NOT_MOUNTED" });
      }
      assert.deepEqual(await readdir(a()), [], "something was put where the disk belongs");
      const after = await mountMemory(this, a(), "size=24m");
      try {
        await cp(elsewhere, a(), { recursive: true });
        const { channel } = await open(a(), ...others);
        assert.deepEqual(await drain(channel), range(0, COUNT));
        await channel.stop();
      } finally {
        after.unmount();
      }
      await rm(elsewhere, { recursive: true });
      await rm(b(), { recursive: true, force: true });
      await rm(dir().file("checkpoint"), { recursive: true });
    }
  });

  it("goes on with the others when one is lost for good and was taken out of the settings", async () => {
    await filled(a(), b());
    await rm(a(), { recursive: true });
    const { channel } = await open(b());
    const left = await drain(channel);
    assert.ok(left.length > 0 && left.length < COUNT);
    let lost = 0;
    for (const { events: count } of channel.damage) lost += count ?? 0;
    assert.equal(left.length + lost, COUNT, "what is gone is told");
    await channel.stop();
  });

  it("opens whatever has become of the files that tell of them", async () => {
    for (const spoil of [
      (path: string) => rm(path),
      (path: string) => writeFile(path, ""),
      (path: string) => writeFile(path, "{}"),
      (path: string) => writeFile(path, '{"data":[{"id":"x","path":"/nowhere","mounts":7}]}'),
      async (path: string) => writeFile(path, (await readFile(path, "latin1")).replace(/[0-9a-f]/g, "0")),
    ]) {
      await filled(a(), b());
      for (const directory of [a(), b(), dir().file("checkpoint")]) {
        await spoil(join(directory, SET_NAME));
        const { channel } = await open(a(), b());
        assert.equal(channel.size, COUNT);
        await channel.stop();
      }
      const { channel } = await open(a(), b());
      assert.deepEqual(await drain(channel), range(0, COUNT));
      await channel.stop();
    }
  });
});
