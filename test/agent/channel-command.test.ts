import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { batchOf } from "../../lib/engine/batch.js";
import { copyHeaders, createEvent } from "../../lib/engine/event.js";
import { loadKeys } from "../../nodes/channels/file/encryption-keys.js";
import { HEADER_BYTES } from "../../nodes/channels/file/record.js";
import { DATA_START } from "../../nodes/channels/file/segment.js";
import { mountMemory } from "../channels/support/memory-disk.js";
import { events, put, takeSome } from "../channels/support/work.js";
import { openChannel } from "../channels/file/support/channels.js";
import { node24 } from "../support/machine.js";
import { useTempDir } from "../support/temp-dir.js";

const headrace = join(__dirname, "..", "..", "lib", "agent", "headrace.js");

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(node24, [headrace, ...args]);
  return { status, out: stdout.toString(), bytes: stdout, errors: stderr.toString() };
}

describe("headrace channel", function () {
  // Up to a dozen commands one after the other, each a process.
  this.timeout(120_000);
  const dir = useTempDir();

  /** Three transactions, the second with headers and a body that is no text; the first event is taken. */
  async function channelWithEvents(): Promise<void> {
    const { channel } = await openChannel(dir().path);
    await put(channel, events(0, 3));
    const headers = copyHeaders();
    headers["host"] = "größer";
    await put(channel, batchOf([createEvent(Buffer.from([0xff, 0, 1]), headers)]));
    await put(channel, events(3, 2));
    const consumer = channel.connect({ id: "one", maxLeases: 1 });
    const take = await takeSome(consumer, 1);
    await take?.commit();
    await channel.stop();
  }

  const waiting = [
    { headers: {}, body: "1" },
    { headers: {}, body: "2" },
    { headers: { host: "größer" }, bodyBase64: "/wAB" },
    { headers: {}, body: "3" },
    { headers: {}, body: "4" },
  ];
  const lines = (text: string) =>
    text
      .trim()
      .split("\n")
      .filter((line) => line !== "")
      .map((line): unknown => JSON.parse(line));

  /** Flips a bit in the body of the first transaction. */
  async function damage(): Promise<void> {
    const folder = dir().file("data");
    for (const name of await readdir(folder)) {
      if (!name.startsWith("log-")) continue;
      const bytes = await readFile(join(folder, name));
      if (bytes.length <= DATA_START || bytes[DATA_START] === 0) continue;
      const at = DATA_START + HEADER_BYTES + 14;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await writeFile(join(folder, name), bytes);
      return;
    }
  }

  it("inspect tells what is in it", async () => {
    await channelWithEvents();
    const { status, out } = run("channel", "inspect", dir().path, "--json");
    assert.equal(status, 0);
    const report = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual(
      [report["events"], report["transactions"], report["putSoFar"], report["oldest"], report["fromCheckpoint"]],
      [5, 3, 6, 1, true],
    );
    assert.match(run("channel", "inspect", dir().path).out, /^5 events in 3 transactions/);
  });

  it("verify finds what is damaged and changes nothing; repair sets it aside", async () => {
    await channelWithEvents();
    assert.deepEqual([run("channel", "verify", dir().path).status], [0]);
    await damage();
    const before = await readdir(dir().file("data"));
    const { status, out } = run("channel", "verify", dir().path);
    assert.equal(status, 1);
    assert.match(out, /damaged at 4096, \d+ bytes, 2 events/);
    assert.deepEqual(await readdir(dir().file("data")), before);
    await rm(dir().file("checkpoint", "checkpoint"));
    const inspected = run("channel", "inspect", dir().path);
    assert.deepEqual([inspected.status, /damaged at 4096, \d+ bytes, 2 events/.test(inspected.out)], [1, true]);
    const repaired = run("channel", "repair", dir().path);
    assert.equal(repaired.status, 1);
    assert.match(repaired.out, /3 events waiting; 1 part set aside/);
    assert.equal((await readdir(dir().file("data", "set-aside"))).length, 1);
    assert.deepEqual(lines(run("channel", "export", dir().path).out), waiting.slice(2));
  });

  it("export writes the events in order and leaves them there", async () => {
    await channelWithEvents();
    for (let i = 0; i < 2; i++) {
      const { status, out } = run("channel", "export", dir().path);
      assert.equal(status, 0);
      assert.deepEqual(lines(out), waiting);
    }
    const { bytes } = run("channel", "export", dir().path, "--format", "avro");
    assert.equal(bytes.subarray(0, 4).toString("latin1"), "Obj\u0001");
    assert.ok(bytes.includes(Buffer.from([0xff, 0, 1])));
  });

  it("drain writes them and takes them", async () => {
    await channelWithEvents();
    const file = dir().file("events.jsonl");
    const { status, errors } = run("channel", "drain", dir().path, "--output", file);
    assert.deepEqual([status, errors.trim()], [0, "5 events written and taken"]);
    assert.deepEqual(lines(await readFile(file, "utf8")), waiting);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal(run("channel", "export", dir().path).out, "");
    const { channel } = await openChannel(dir().path);
    assert.equal(channel.size, 0);
    await channel.stop();
  });

  it("a folder without a channel is none: nothing is made there, and it is said", async () => {
    const folder = dir().file("notes");
    await mkdir(folder);
    await writeFile(join(folder, "log-1.seg.bak"), "mine");
    for (const command of ["inspect", "verify", "repair", "export", "drain"]) {
      const { status, errors } = run("channel", command, folder);
      assert.equal(status, 4, command);
      assert.match(errors, /There is no file channel in .*notes.*\n.*\[FLUME_FILE_CHANNEL_NONE\]/, command);
      assert.deepEqual(await readdir(folder), ["log-1.seg.bak"], command);
    }
  });

  it("an output that is there already is left as it is, and nothing is taken", async () => {
    await channelWithEvents();
    const file = dir().file("precious");
    await writeFile(file, "mine");
    for (const command of ["export", "drain"]) {
      const { status, errors } = run("channel", command, dir().path, "--output", file);
      assert.equal(status, 4, command);
      assert.match(errors, /EEXIST.*\n.*\[FLUME_OUTPUT_UNUSABLE\]/, command);
    }
    assert.equal(await readFile(file, "utf8"), "mine");
    assert.deepEqual(lines(run("channel", "export", dir().path).out), waiting);
  });

  it("a reader that has had enough ends it, and nothing is taken that was not read", async () => {
    const { channel } = await openChannel(dir().path);
    for (let i = 0; i < 40; i++) await put(channel, events(i * 100, 100, 5000));
    await channel.stop();
    for (const command of ["export", "drain"]) {
      const pipe = spawnSync("sh", [
        "-c",
        `"$0" "$@" | head -n 1; true`,
        node24,
        headrace,
        "channel",
        command,
        dir().path,
      ]);
      assert.equal(lines(pipe.stdout.toString()).length, 1);
      assert.match(pipe.stderr.toString(), /EPIPE.*\n.*\[FLUME_OUTPUT_UNUSABLE\]/, command);
    }
    const left = lines(run("channel", "export", dir().path, "--output", dir().file("rest")).out);
    assert.deepEqual(left, []);
    const rest = lines(await readFile(dir().file("rest"), "utf8")) as { body: string }[];
    assert.equal(rest.length, 4000, "of a take that could not be written nothing is gone");
  });

  it("a log of a later version, or encrypted with a key that it was not given, is left as it is", async () => {
    const key = "11".repeat(32);
    const keys = dir().file("keys");
    await writeFile(keys, `one=${key}\n`, { mode: 0o600 });
    const { channel } = await openChannel(dir().path, {
      keys: () => loadKeys({ active: "one", secret: "", file: keys }),
    });
    await put(channel, events(0, 3));
    await channel.stop();
    const before = await readdir(dir().file("data"));
    for (const command of ["repair", "export", "drain"]) {
      const { status, errors } = run("channel", command, dir().path);
      assert.equal(status, 4, command);
      assert.match(errors, /"one".*\n.*\[FLUME_FILE_CHANNEL_KEY_MISSING\]/, command);
    }
    // What is in it, and whether it is sound, shows without a key.
    assert.match(run("channel", "inspect", dir().path).out, /^3 events in 1 transaction\n[^]*, key one\n/);
    assert.deepEqual(run("channel", "verify", dir().path).status, 0);
    assert.deepEqual(await readdir(dir().file("data")), before);
    assert.equal(lines(run("channel", "export", dir().path, "--keys", keys).out).length, 3);
    assert.equal(run("channel", "drain", dir().path, "--keys", keys).status, 0);

    const path = join(
      dir().file("data"),
      (await readdir(dir().file("data"))).find((name) => name.startsWith("log-")) ?? "",
    );
    const page = await readFile(path);
    for (const at of [0, 2048]) {
      page.writeUInt32LE(2, at + 8);
      page.writeUInt32LE(crc32(page.subarray(at + 16, at + 512), crc32(page.subarray(at + 8, at + 12))), at + 12);
    }
    await writeFile(path, page);
    for (const command of ["inspect", "verify", "repair", "export", "drain"]) {
      const { status, errors } = run("channel", command, dir().path, "--keys", keys);
      assert.equal(status, 4, command);
      assert.match(errors, /\[FLUME_FILE_CHANNEL_NEWER\]/, command);
    }
    assert.deepEqual(await readFile(path), page);
  });

  it("looks at a copy on a disk that takes no writes", async function () {
    await channelWithEvents();
    const folder = dir().file("copy");
    const disk = await mountMemory(this, folder, "size=24m");
    try {
      for (const name of ["data", "checkpoint"]) await cp(dir().file(name), join(folder, name), { recursive: true });
      disk.remount("ro");
      assert.match(run("channel", "inspect", folder).out, /^5 events in 3 transactions/);
      assert.equal(run("channel", "verify", folder).status, 0);
      assert.deepEqual(lines(run("channel", "export", folder).out), waiting);
      for (const command of ["repair", "drain"]) {
        const { status, errors } = run("channel", command, folder);
        assert.equal(status, 4, command);
        assert.match(errors, /EROFS.*\n.*\[FLUME_/, command);
      }
    } finally {
      disk.unmount();
    }
  });

  it("takes no part of a channel for the whole", async () => {
    const data = [dir().file("a"), dir().file("b")];
    const { channel } = await openChannel(dir().path, { directories: data });
    for (let i = 0; i < 40; i++) await put(channel, events(i * 100, 100, 1000));
    await channel.stop();
    for (const directory of data) {
      const before = await readdir(directory);
      for (const command of ["repair", "drain"]) {
        const { status, errors } = run("channel", command, directory);
        assert.equal(status, 4, command);
        assert.match(errors, /\/[ab]\.\n.*\[FLUME_FILE_CHANNEL_INCOMPLETE\]/, command);
      }
      for (const command of ["inspect", "verify", "export"]) {
        const output = command === "export" ? ["--output", `${directory}.jsonl`] : [];
        const { status, errors } = run("channel", command, directory, ...output);
        assert.equal(status, 1, command);
        assert.match(errors, /\[FLUME_FILE_CHANNEL_INCOMPLETE\]/, command);
      }
      assert.deepEqual(await readdir(directory), before);
    }
    assert.equal(lines(run("channel", "drain", ...data, "--output", dir().file("all")).out).length, 0);
    assert.equal(lines(await readFile(dir().file("all"), "utf8")).length, 4000);
  });

  it("keeps its hands off a channel that runs", async () => {
    const { channel } = await openChannel(dir().path);
    for (const command of ["inspect", "verify", "repair", "export", "drain"]) {
      const { status, errors } = run("channel", command, dir().path);
      assert.equal(status, 3, command);
      assert.match(errors, /FLUME_FILE_CHANNEL_IN_USE/);
    }
    await channel.stop();
  });

  it("says what is wrong and what it knows when it is asked for something else", () => {
    const wrong: readonly [args: string[], told: RegExp][] = [
      [["channel"], /^headrace channel COMMAND/],
      [["channel", "mend", "."], /^There is no command "mend"\.\n/],
      [["channel", "constructor", "."], /^There is no command "constructor"\.\n/],
      [["channel", "inspect"], /^Name the directory of a channel: headrace channel inspect DIRECTORY\n/],
      [["channel", "export", ".", "--format", "xml"], /^FORMAT is json or avro, not "xml"\.\n/],
      [["channel", "inspect", ".", "--wrong"], /^Unknown option '--wrong'/],
      [["other"], /^headrace channel/],
    ];
    for (const [args, told] of wrong) {
      const { status, errors } = run(...args);
      assert.equal(status, 2, args.join(" "));
      assert.match(errors, told);
    }
    assert.equal(run("channel", "--help").status, 0);
    assert.equal(run("channel", "help").status, 0);
    const { status, errors } = run("channel", "inspect", dir().file("missing"));
    assert.equal(status, 4);
    assert.match(errors, /There is no file channel in .*missing.*\n.*\[FLUME_FILE_CHANNEL_NONE\]/);
  });
});
