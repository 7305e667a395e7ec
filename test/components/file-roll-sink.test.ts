import { strict as assert } from "node:assert";
import { access, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../../lib/engine/delivery.js";
import type { DeliveryError, HeadraceError } from "../../lib/engine/errors.js";
import { readConfig } from "../../lib/engine/properties.js";
import { component } from "../../nodes/sinks/file-roll/component.js";
import { FileRollSink } from "../../nodes/sinks/file-roll/file-roll-sink.js";
import { testContext } from "../support/component-context.js";
import { textBatch } from "../support/event-batches.js";
import { failingDisk } from "../support/failing-disk.js";
import { ManualClock } from "../support/manual-clock.js";
import { useTempDir } from "../support/temp-dir.js";

const STARTED = new Date(2024, 1, 3, 4, 5, 6).getTime();

describe("file roll sink", () => {
  const folder = useTempDir();
  const running: FileRollSink[] = [];

  async function started(settings: Record<string, unknown> = {}, clock = new ManualClock(STARTED)) {
    const context = testContext();
    const { config, problems } = readConfig(component.properties, { directory: folder().path, ...settings });
    assert.deepEqual(problems, []);
    const sink = new FileRollSink(config, context, clock);
    running.push(sink);
    await sink.start();
    return { sink, clock, context, write: (...lines: string[]) => sink.write(textBatch(...lines)) };
  }

  async function files(): Promise<Record<string, string>> {
    const names = (await readdir(folder().path)).sort();
    const contents = await Promise.all(names.map((name) => readFile(folder().file(name), "utf8")));
    return Object.fromEntries(names.map((name, i) => [name, contents[i] ?? ""]));
  }

  afterEach(async () => {
    for (const sink of running.splice(0)) await sink.stop();
  });

  it("writes the events of each interval to a file of their own", async () => {
    const { write, clock, sink, context } = await started({ rollInterval: 10 });
    await write("a", "b");
    await write("c");
    clock.pass(10_000);
    await write("d");
    await sink.stop();
    assert.deepEqual(await files(), { [`${STARTED}-1`]: "a\nb\nc\n", [`${STARTED}-2`]: "d\n" });
    assert.equal(context.counters.get("ConnectionCreatedCount"), 2);
    assert.equal(context.counters.get("ConnectionClosedCount"), 2);
  });

  it("has written when the write resolves", async () => {
    const { write } = await started({ fsync: true });
    await write("a");
    assert.deepEqual(await files(), { [`${STARTED}-1`]: "a\n" });
  });

  it("makes no file for an interval without events", async () => {
    const { write, clock, sink, context } = await started({ rollInterval: 10 });
    clock.pass(60_000);
    await write("a");
    clock.pass(60_000);
    await sink.write(textBatch("b"));
    assert.equal(context.counters.get("ConnectionClosedCount"), 1, "closed by the clock, before the next write");
    assert.deepEqual(Object.values(await files()), ["a\n", "b\n"]);
  });

  it("never rolls with an interval of 0", async () => {
    const { write, clock } = await started({ rollInterval: 0 });
    await write("a");
    clock.pass(1e12);
    await write("b");
    assert.deepEqual(Object.values(await files()), ["a\nb\n"]);
  });

  it("names files by the time of the roll, if so chosen", async () => {
    const settings = { pathManager: "ROLLTIME", prefix: "web-", extension: "log", rollInterval: 1 };
    const { write, clock } = await started(settings);
    await write("a");
    clock.pass(1000);
    await write("b");
    assert.deepEqual(await files(), { "web-20240203040506-1.log": "a\n", "web-20240203040507-1.log": "b\n" });
  });

  it("passes over names that are taken, even by links that lead out", async () => {
    await writeFile(folder().file(`${STARTED}-1`), "mine");
    await symlink(folder().file("elsewhere"), folder().file(`${STARTED}-2`));
    const { write } = await started();
    await write("a");
    assert.equal(await readFile(folder().file(`${STARTED}-1`), "utf8"), "mine");
    assert.equal(await readFile(folder().file(`${STARTED}-3`), "utf8"), "a\n");
    await assert.rejects(access(folder().file("elsewhere")));
  });

  it("two sinks in one directory keep apart", async () => {
    const first = await started();
    const second = await started();
    await Promise.all([first.write("a"), second.write("b")]);
    assert.deepEqual(Object.values(await files()).sort(), ["a\n", "b\n"]);
  });

  it("refuses parts of names that lead elsewhere, at deploy", () => {
    for (const value of ["../x", "a/b", "a\\b", "..", "a\0b", "a\nb"]) {
      const { problems } = readConfig(component.properties, { directory: "d", prefix: value, extension: value });
      assert.deepEqual(
        problems.map(({ code }) => code),
        ["FLUME_CONFIG_FILE_NAME", "FLUME_CONFIG_FILE_NAME"],
        value,
      );
    }
    const { problems } = readConfig(component.properties, { directory: "d", prefix: ".日志-", extension: "log.gz" });
    assert.deepEqual(problems, []);
  });

  it("and writes nothing outside, whatever it was given", async () => {
    await mkdir(folder().file("inside"));
    for (const prefix of ["../", "sub/", "/tmp/x"]) {
      const { config } = readConfig(component.properties, { directory: folder().file("inside") });
      const sink = new FileRollSink({ ...config, prefix }, testContext(), new ManualClock(STARTED));
      await sink.start();
      await assert.rejects(sink.write(textBatch("a")), { code: "FLUME_PATH_OUTSIDE" });
      await sink.stop();
    }
    assert.deepEqual(await readdir(folder().path), ["inside"]);
  });

  it("a directory that is missing, or is none, is named; once it is there the sink starts", async () => {
    await writeFile(folder().file("a-file"), "");
    for (const [name, reason] of [
      ["missing", "ENOENT"],
      ["a-file", "it is not a directory"],
    ] as const) {
      const { config } = readConfig(component.properties, { directory: folder().file(name) });
      const sink = new FileRollSink(config, testContext());
      running.push(sink);
      const unusable = (error: HeadraceError) =>
        error.code === "FLUME_DIRECTORY_UNUSABLE" &&
        error.message.includes(folder().file(name)) &&
        error.message.includes(reason);
      await assert.rejects(sink.start(), unusable);
      await rm(folder().file(name), { force: true });
      await mkdir(folder().file(name));
      await sink.start();
      await sink.write(textBatch("a"));
    }
  });

  it("a directory that goes while it runs: nothing is kept, and the batch can be written once it is back", async () => {
    await mkdir(folder().file("in"));
    const { write } = await started({ directory: folder().file("in") });
    await rm(folder().file("in"), { recursive: true });
    await assert.rejects(write("a"), { code: "FLUME_DIRECTORY_UNUSABLE", outcome: "none", retry: "later" });
    await mkdir(folder().file("in"));
    await write("a");
    assert.equal((await readdir(folder().file("in"))).length, 1);
  });

  it("a link in place of the directory does not lead a running sink elsewhere", async () => {
    await mkdir(folder().file("real"));
    await mkdir(folder().file("trap"));
    await symlink(folder().file("real"), folder().file("link"));
    const { write } = await started({ directory: folder().file("link") });
    await symlink(folder().file("trap"), folder().file("other"));
    await rename(folder().file("other"), folder().file("link"));
    await write("a");
    assert.equal((await readdir(folder().file("real"))).length, 1);
    assert.deepEqual(await readdir(folder().file("trap")), []);
  });

  it("files are not writable for everybody, whatever the umask", async () => {
    const umask = process.umask(0);
    try {
      const { write } = await started();
      await write("a");
      const [name] = Object.keys(await files());
      assert.equal((await stat(folder().file(name ?? ""))).mode & 0o777, 0o664);
    } finally {
      process.umask(umask);
    }
  });

  it("refuses writes once stopped, and works again when started again", async () => {
    const { sink, write } = await started();
    await write("a");
    await sink.stop();
    await assert.rejects(write("b"), { code: "FLUME_STOPPED" });
    await sink.start();
    await write("b");
    assert.deepEqual(await files(), { [`${STARTED}-1`]: "a\n", [`${STARTED}-2`]: "b\n" });
  });

  it("writes that come at once stay in order", async () => {
    const { write } = await started();
    await Promise.all(Array.from({ length: 20 }, (_, i) => write(String(i))));
    assert.equal(Object.values(await files())[0], Array.from({ length: 20 }, (_, i) => `${i}\n`).join(""));
  });

  it("takes settings in any case, as Flume's files have them", () => {
    const { config } = readConfig(component.properties, { serializer: "text", pathManager: "rolltime" });
    assert.deepEqual([config.serializer, config.pathManager], ["TEXT", "ROLLTIME"]);
  });

  describe("on a disk that fails", () => {
    let disk: Awaited<ReturnType<typeof failingDisk>>;
    beforeEach(async () => {
      disk = await failingDisk();
    });
    afterEach(() => disk.restore());

    it("what a write left half is cut off, so the retry leaves no half line and no duplicate", async () => {
      const { write } = await started();
      await write("first");
      disk.failNext("write");
      await assert.rejects(write("a long line", "second"), (error: DeliveryError) => {
        assert.equal(error.code, "FLUME_WRITE_FAILED");
        assert.equal(error.outcome, "none");
        return /no space left/.test(error.message);
      });
      assert.deepEqual(Object.values(await files()), ["first\n"]);
      await write("a long line", "second");
      assert.deepEqual(Object.values(await files()), ["first\na long line\nsecond\n"]);
    });

    it("even when it could not be cut off at once", async () => {
      const { write } = await started();
      disk.failNext("write");
      disk.failNext("truncate");
      await assert.rejects(write("a long line"), { outcome: "unknown" });
      assert.deepEqual(Object.values(await files()), ["a long"]);
      await write("b");
      assert.deepEqual(Object.values(await files()), ["b\n"]);
    });

    it("and is cut off when the file is closed before the retry", async () => {
      const { write, clock } = await started({ rollInterval: 1 });
      await write("first");
      disk.failNext("write");
      disk.failNext("truncate");
      await assert.rejects(write("a long line"));
      clock.pass(1000);
      await write("a long line");
      assert.deepEqual(Object.values(await files()), ["first\n", "a long line\n"]);
    });

    it("a failed fsync counts as not written", async () => {
      const { write } = await started({ fsync: true });
      disk.failNext("datasync");
      await assert.rejects(write("a"), { code: "FLUME_WRITE_FAILED", outcome: "none" });
      await write("a");
      assert.deepEqual(Object.values(await files()), ["a\n"]);
    });
  });

  it("creates through its component", async () => {
    const { config } = readConfig(component.properties, { directory: folder().path });
    const sink = component.create(config, testContext());
    await sink.start();
    await sink.write(textBatch("a"), NEVER);
    await sink.stop();
    assert.deepEqual(Object.values(await files()), ["a\n"]);
    assert.ok((await stat(join(folder().path))).isDirectory());
  });
});
