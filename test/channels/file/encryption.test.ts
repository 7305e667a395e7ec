import { strict as assert } from "node:assert";
import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadKeys } from "../../../nodes/channels/file/encryption-keys.js";
import { useTempDir } from "../../support/temp-dir.js";
import { drain, events, put, range, takeSome } from "../support/work.js";
import { openChannel } from "./support/channels.js";

const ONE = "11".repeat(32);
const TWO = Buffer.alloc(32, 2).toString("base64");
const keys = (active: string, secret: string, file = "") => ({ keys: () => loadKeys({ active, secret, file }) });

describe("file channel with encryption", () => {
  const dir = useTempDir();

  async function bytesOnDisk(): Promise<Buffer> {
    const folder = dir().file("data");
    // The next segment, which is being made ready, gets its name meanwhile.
    const names = (await readdir(folder)).filter((name) => /^log-.*\.seg$/.test(name));
    return Buffer.concat(await Promise.all(names.map((name) => readFile(join(folder, name)))));
  }

  it("no body is readable on the disk, and all come back", async () => {
    const first = await openChannel(dir().path, keys("one", `one=${ONE}`));
    await put(first.channel, events(4_711_000, 50));
    assert.equal((await bytesOnDisk()).indexOf("4711003"), -1);
    await first.channel.stop();
    const again = await openChannel(dir().path, keys("one", `one=${ONE}`));
    assert.deepEqual(await drain(again.channel), range(4_711_000, 4_711_050));
    await again.channel.stop();
  });

  it("keys change while events wait: each is read with the key it was written with", async () => {
    const steps = [
      keys("", ""),
      keys("one", `one=${ONE}`),
      keys("two", `one=${ONE},two=${TWO}`),
      keys("", `one=${ONE}\ntwo=${TWO}`),
    ];
    for (const [i, step] of steps.entries()) {
      const { channel } = await openChannel(dir().path, step);
      await put(channel, events(i * 10, 10));
      await channel.stop();
    }
    const { channel } = await openChannel(dir().path, steps[3]);
    assert.deepEqual(await drain(channel), range(0, 40));
    await channel.stop();
    // Nothing is left that needs them.
    const without = await openChannel(dir().path);
    await without.channel.stop();
  });

  it("without the key, or with another of its name, it does not open, and nothing is lost", async () => {
    const { channel } = await openChannel(dir().path, keys("one", `one=${ONE}`));
    await put(channel, events(0, 10));
    await channel.stop();
    await assert.rejects(openChannel(dir().path), { code: "FLUME_FILE_CHANNEL_KEY_MISSING" });
    await assert.rejects(openChannel(dir().path, keys("one", `one=${TWO}`)), { code: "FLUME_FILE_CHANNEL_KEY_WRONG" });
    const again = await openChannel(dir().path, keys("one", `one=${ONE}`));
    assert.deepEqual(await drain(again.channel), range(0, 10));
    await again.channel.stop();
  });

  it("keys come from a file that nobody else may read", async () => {
    const file = dir().file("keys");
    await writeFile(file, `# of this week\none=${ONE}\n`, { mode: 0o644 });
    await assert.rejects(loadKeys({ active: "one", secret: "", file }), { code: "FLUME_FILE_CHANNEL_KEY_FILE" });
    await chmod(file, 0o600);
    assert.equal((await loadKeys({ active: "one", secret: "", file }))?.keys.get("one")?.toString("hex"), ONE);
  });

  it("a key store of Java is told by its type, with what to do instead", async () => {
    const file = dir().file("flume.keystore");
    for (const [magic, type] of [
      ["cececece00000002", "JCEKS"],
      ["feedfeed00000002", "JKS"],
      ["308203c30201", "PKCS12"],
    ] as const) {
      await writeFile(file, Buffer.from(magic, "hex"), { mode: 0o644 });
      const refused = { code: "FLUME_FILE_CHANNEL_KEY_STORE", parameters: { file, type } };
      await assert.rejects(loadKeys({ active: "one", secret: "", file }), refused);
    }
  });

  it("a put while the key is rotated is encrypted with the new one, and a key may go when nothing needs it", async () => {
    const both = `one=${ONE},two=${TWO}`;
    const first = await openChannel(dir().path, keys("one", both));
    await put(first.channel, events(0, 10));
    await first.channel.stop();
    const second = await openChannel(dir().path, keys("two", both));
    await put(second.channel, events(10, 10));
    const consumer = second.channel.connect({ id: "ten", maxLeases: 1 });
    await (await takeSome(consumer, 10))?.commit();
    await second.channel.stop();
    // What was written with the first key has been taken; a start more, and no file of it is left.
    await (await openChannel(dir().path, keys("two", both))).channel.stop();
    const third = await openChannel(dir().path, keys("two", `two=${TWO}`));
    assert.deepEqual(await drain(third.channel), range(10, 20));
    await third.channel.stop();
  });

  it("what is no key is refused without being told", async () => {
    for (const secret of ["one=short", ONE, `one=${ONE}00`]) {
      await assert.rejects(loadKeys({ active: "one", secret, file: "" }), (error: Error) => {
        assert.match(JSON.stringify(error), /KEY_INVALID/);
        assert.ok(!error.message.includes(ONE) && !error.message.includes("short"));
        return true;
      });
    }
    await assert.rejects(loadKeys({ active: "two", secret: `one=${ONE}`, file: "" }), {
      code: "FLUME_FILE_CHANNEL_KEY_MISSING",
    });
  });
});
