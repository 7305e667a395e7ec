import { strict as assert } from "node:assert";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import { chmod, mkdir, open as openFile, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { blockingWork } from "../../../lib/engine/blocking-work.js";
import { isHeadraceError } from "../../../lib/engine/errors.js";
import { realFileSystem } from "../../../nodes/channels/file/file-system.js";
import { lockDirectory } from "../../../nodes/channels/file/directory-lock.js";
import { onLeftover } from "../../support/cleanup.js";
import { eventually } from "../../support/eventually.js";
import { node24 } from "../../support/machine.js";
import { staysPending } from "../../support/pending.js";
import { useTempDir } from "../../support/temp-dir.js";
import { mountMemory } from "../support/memory-disk.js";
import { withFiles } from "./support/altered-files.js";
import { drain, events, numbersOf, put, range, takeSome } from "../support/work.js";
import { fileSettings, openChannel, openQuietChannel } from "./support/channels.js";
import { failure, lockFreely, onDisk, SimulatedDisk } from "./support/simulated-disk.js";

const SMALL = { largestSegment: 64 * 1024, minimumFree: 0 };

/** Puts until one is refused; returns what was answered and why the last was not. */
async function putUntilRefused(channel: Parameters<typeof put>[0], first: number, most = 10_000) {
  const answered: number[] = [];
  for (let i = 0; i < most; i++) {
    const from = first + i * 10;
    try {
      await put(channel, events(from, 10, 200));
      answered.push(...range(from, from + 10));
    } catch (error) {
      return { answered, error };
    }
  }
  return { answered, error: undefined };
}

/** Keeps one thread of the pool waiting, as a disk does that hangs: opening a pipe waits for somebody at its other end. */
async function blockThread(pipe: string): Promise<void> {
  execFileSync("mkfifo", [pipe]);
  await (await openFile(pipe, "r")).close();
}

describe("file channel on a bad day", function () {
  this.timeout(60_000);
  const dir = useTempDir();

  it("a full disk refuses puts, lets everything out, and then takes puts again", async () => {
    const disk = new SimulatedDisk();
    disk.capacity = 600 * 1024;
    const { channel, context } = await openChannel(onDisk(), SMALL, { fileSystem: disk, lock: lockFreely });
    const { answered, error } = await putUntilRefused(channel, 0);
    assert.ok(isHeadraceError(error));
    assert.match(error.code, /^FLUME_FILE_CHANNEL_(NO_SPACE|DISK_FULL)$/);
    assert.ok(answered.length > 500);
    assert.ok(context.reports.length > 0);
    assert.deepEqual(await drain(channel, 1), answered);
    await sleep(1100);
    const again = await putUntilRefused(channel, 100_000, 20);
    assert.equal(again.error, undefined);
    assert.deepEqual(await drain(channel), again.answered);
    assert.equal(context.reports.at(-1), undefined, "the problem is said to be over");
    await channel.stop();
  });

  it("a full disk, for real: a small tmpfs", async function () {
    const folder = dir().file("small");
    const disk = await mountMemory(this, folder, "size=24m");
    try {
      const { channel } = await openChannel(folder, { largestSegment: 4 * 1024 * 1024 });
      const { answered, error } = await putUntilRefused(channel, 0);
      assert.ok(isHeadraceError(error), String(error));
      assert.match(error.code, /^FLUME_FILE_CHANNEL_(NO_SPACE|DISK_FULL)$/);
      // Somebody else fills what is left: not even a checkpoint can be written.
      await writeFile(join(folder, "others"), Buffer.alloc(32 * 1024 * 1024)).catch(() => undefined);
      await channel.stop();
      const again = await openChannel(folder, { largestSegment: 4 * 1024 * 1024 });
      assert.deepEqual(await drain(again.channel, 100), answered);
      await sleep(1100);
      const after = await putUntilRefused(again.channel, 1_000_000, 20);
      assert.equal(after.error, undefined, "what was drained is written again");
      await again.channel.stop();
    } finally {
      disk.unmount();
    }
  });

  it("less than the free space to leave: puts are refused, and taken again when there is more", async () => {
    const disk = new SimulatedDisk();
    disk.capacity = 1024 * 1024;
    const more = { largestSegment: 64 * 1024, minimumFree: 200 * 1024 };
    const { channel } = await openChannel(onDisk(), more, { fileSystem: disk, lock: lockFreely });
    await put(channel, events(0, 10));
    const { error } = await putUntilRefused(channel, 10);
    assert.ok(isHeadraceError(error) && error.code === "FLUME_FILE_CHANNEL_NO_SPACE");
    assert.ok((await disk.freeBytes()) >= 200 * 1024);
    disk.capacity *= 2;
    await sleep(1100);
    assert.equal((await putUntilRefused(channel, 100_000, 3)).error, undefined);
    await channel.stop();
  });

  for (const call of ["write", "sync"] as const) {
    it(`${call} errors: no false answer, takes go on, the range is never used again`, async () => {
      const disk = new SimulatedDisk();
      const { channel, context } = await openChannel(onDisk(), SMALL, { fileSystem: disk, lock: lockFreely });
      await put(channel, events(0, 10));
      const before = disk.paths();
      let failing = true;
      const touched: string[] = [];
      disk.fault = (made, path) => {
        if (failing && made === call) throw failure("EIO", path);
        if (!failing && made === "write") touched.push(path);
      };
      const { answered, error } = await putUntilRefused(channel, 10, 50);
      assert.deepEqual(answered, []);
      assert.ok(isHeadraceError(error) && error.code === "FLUME_FILE_CHANNEL_WRITE_FAILED", String(error));
      assert.deepEqual(await drain(channel), range(0, 10), "takes go on");
      assert.ok(context.reports.length > 0);
      failing = false;
      await sleep(1100);
      await putUntilRefused(channel, 100, 1);
      const after = await putUntilRefused(channel, 200, 3);
      assert.equal(after.error, undefined);
      const bad = before.find((path) => path.includes("log-"));
      assert.ok(touched.length > 0 && !touched.includes(bad ?? ""), "the bad segment is written again");
      // Nothing that was refused, and nothing that was taken, comes back after a kill.
      const { channel: next } = await openChannel(onDisk(), SMALL, { fileSystem: disk.kill(), lock: lockFreely });
      const numbers = await drain(next);
      for (const number of after.answered) assert.ok(numbers.includes(number));
      for (const number of range(0, 20)) assert.ok(!numbers.includes(number), `again: ${number}`);
      await next.stop();
    });
  }

  it("one sync that fails is enough: what it covered is refused, what comes next is safe elsewhere", async () => {
    const disk = new SimulatedDisk();
    const { channel } = await openChannel(onDisk(), SMALL, { fileSystem: disk, lock: lockFreely });
    await put(channel, events(0, 5));
    let failed = 0;
    disk.fault = (made, path) => {
      if (made !== "sync" || !path.includes("log-") || failed > 0) return;
      failed++;
      throw failure("EIO", path);
    };
    await assert.rejects(put(channel, events(5, 5)), { code: "FLUME_FILE_CHANNEL_WRITE_FAILED", outcome: "unknown" });
    await put(channel, events(10, 5));
    // The kernel may have dropped what it could not write, and say that all is well from then on.
    const { channel: next } = await openChannel(onDisk(), SMALL, {
      fileSystem: disk.losePower(() => 0.99),
      lock: lockFreely,
    });
    assert.deepEqual(await drain(next), [...range(0, 5), ...range(10, 15)]);
    await next.stop();
  });

  it("a read that fails is tried again; nothing is given up", async () => {
    const disk = new SimulatedDisk();
    const given = { fileSystem: disk, lock: lockFreely };
    const first = await openChannel(onDisk(), SMALL, given);
    await put(first.channel, events(0, 10));
    await first.channel.stop();
    const { channel, context } = await openChannel(onDisk(), SMALL, given);
    let failing = true;
    disk.fault = (made, path) => {
      if (failing && made === "read" && path.includes("log-")) throw failure("EIO", path);
    };
    const consumer = channel.connect({ id: "reader", maxLeases: 1 });
    const taking = takeSome(consumer, 10);
    await eventually(() => context.reports.length > 0, { what: "report" });
    assert.match(String(context.reports[0]), /could not be read/);
    assert.ok(await staysPending(taking));
    failing = false;
    const take = await taking;
    assert.deepEqual(take && numbersOf(take.batch), range(0, 10));
    await channel.stop();
  });

  it("a directory that may not be written says so, and works once it may", async function () {
    const folder = dir().file("locked");
    const data = join(folder, "data");
    // Root may write anywhere but on a disk that takes no writes.
    const disk = process.getuid?.() === 0 ? await mountMemory(this, data, "size=24m,ro") : undefined;
    if (!disk) {
      await mkdir(data, { recursive: true });
      await chmod(data, 0o500);
    }
    try {
      await assert.rejects(openChannel(folder), (error: Error) => {
        assert.match(error.message, /locked.data cannot be used: (EROFS|EACCES)/);
        return isHeadraceError(error) && error.code === "FLUME_DIRECTORY_UNUSABLE";
      });
      if (disk) disk.remount("rw");
      else await chmod(data, 0o700);
      const { channel } = await openChannel(folder);
      await put(channel, events(0, 10));
      assert.deepEqual(await drain(channel), range(0, 10));
      await channel.stop();
    } finally {
      disk?.unmount();
    }
  });

  it("files are the owner's alone", async () => {
    const { channel } = await openQuietChannel(dir().path);
    await put(channel, events(0, 10));
    await channel.checkpoint();
    const modes: string[] = [];
    for (const folder of ["data", "checkpoint"]) {
      const path = dir().file(folder);
      assert.equal((await stat(path)).mode & 0o777, 0o700, folder);
      for (const name of await readdir(path)) {
        modes.push(name);
        assert.equal((await stat(join(path, name))).mode & 0o777, 0o600, name);
      }
    }
    assert.ok(modes.includes("checkpoint") && modes.includes("in_use.lock"));
    await channel.stop();
  });

  describe("one owner for each directory", () => {
    it("a second channel of the same process is refused, until the first has stopped", async () => {
      const { channel } = await openChannel(dir().path);
      await assert.rejects(openChannel(dir().path), { code: "FLUME_FILE_CHANNEL_IN_USE" });
      await channel.stop();
      const again = await openChannel(dir().path);
      await again.channel.stop();
      assert.deepEqual(
        (await readdir(dir().file("data"))).filter((name) => name.includes("lock")),
        [],
      );
    });

    it("another process is refused while it lives, and its lock heals when it was killed", async () => {
      const child = spawn(node24, [join(__dirname, "support", "kill-child.js"), dir().path, "0"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await new Promise((resolve) => child.stdout.once("data", resolve));
      child.stdout.resume();
      await assert.rejects(openChannel(dir().path), { code: "FLUME_FILE_CHANNEL_IN_USE" });
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
      const { channel } = await openChannel(dir().path);
      await channel.stop();
    });

    it("a process id that was given to another process, a boot since, or an unreadable lock are no owner", async () => {
      const path = dir().file("in_use.lock");
      const lock = await lockDirectory(dir().path);
      const mine = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
      await lock.release();
      for (const stale of [
        JSON.stringify({ ...mine, token: "x", started: "1" }),
        JSON.stringify({ ...mine, token: "x", boot: "another" }),
        JSON.stringify({ ...mine, token: "x", pid: 2 ** 22 + 1 }),
        "",
        "\0\0\0",
      ]) {
        await writeFile(path, stale);
        const healed = await lockDirectory(dir().path);
        await healed.release();
      }
    });

    it("of many that find a stale lock at once, one gets it", async () => {
      await writeFile(dir().file("in_use.lock"), "");
      const script = `
        const { lockDirectory } = require(${JSON.stringify(join(__dirname, "../../../nodes/channels/file/directory-lock.js"))});
        lockDirectory(process.argv[1]).then(() => console.log("mine"), () => console.log("refused"));
        // However late the last of them comes: whoever has it keeps it until all have asked.
        setInterval(() => {}, 1000);`;
      const children = range(0, 5).map(() =>
        spawn(node24, ["-e", script, dir().path], { stdio: ["ignore", "pipe", "inherit"] }),
      );
      const end = () =>
        Promise.all(
          children.map(async (child) => {
            if (child.kill("SIGKILL")) await once(child, "close");
          }),
        );
      const forget = onLeftover("those who want a lock", async () => void (await end()));
      const answers = await Promise.all(
        children.map(async (child) => String((await once(child.stdout, "data"))[0]).trim()),
      );
      assert.deepEqual(answers.sort(), ["mine", "refused", "refused", "refused", "refused"]);
      await end();
      forget();
    });
  });

  it("a clock that jumps a day, both ways, changes nothing", async () => {
    const { channel } = await openChannel(dir().path, { keepAlive: 1, checkpointInterval: 1000 });
    const { now } = Date;
    try {
      for (const day of [1, -1]) {
        Date.now = () => now() + day * 86_400_000;
        await put(channel, events(day * 100 + 200, 10));
        await channel.checkpoint();
      }
    } finally {
      Date.now = now;
    }
    assert.deepEqual(await drain(channel), [...range(300, 310), ...range(100, 110)]);
    await channel.stop();
  });

  it("a clock that jumps while a put waits for room makes it wait no shorter and no longer", async () => {
    const { channel } = await openChannel(dir().path, { capacity: 10, keepAlive: 1 });
    await put(channel, events(0, 10));
    const { now } = Date;
    try {
      for (const day of [1, -1]) {
        const begun = performance.now();
        const waiting = put(channel, events(10, 1));
        Date.now = () => now() + day * 86_400_000;
        await assert.rejects(waiting, { code: "FLUME_CHANNEL_FULL" });
        assert.ok(performance.now() - begun > 900, "not before the keep-alive is over");
      }
    } finally {
      Date.now = now;
    }
    await channel.stop();
  });

  it("slow syncs on four channels leave threads for everybody else", async () => {
    let hanging = false;
    const held: string[] = [];
    const slow = withFiles(realFileSystem, (file) => ({
      sync: async () => {
        await blockingWork(async () => {
          if (!hanging) return;
          const pipe = dir().file(`pipe-${held.length}`);
          held.push(pipe);
          await blockThread(pipe);
        });
        await file.sync();
      },
    }));
    const channels = await Promise.all(
      range(0, 4).map((i) =>
        openChannel(dir().file(String(i)), fileSettings(dir().file(String(i))), { fileSystem: slow }),
      ),
    );
    hanging = true;
    const puts = channels.map(({ channel }) => put(channel, events(0, 10)));
    const others: number[] = [];
    try {
      await eventually(() => held.length >= 2, { what: "syncs that hang" });
      const reading = (async () => {
        for (let i = 0; i < 30; i++) await readFile(__filename);
        return "read";
      })();
      assert.equal(await Promise.race([reading, sleep(20_000, "not read", { ref: false })]), "read");
      assert.equal(held.length, 2, "more of them hang at once than may");
    } finally {
      hanging = false;
      // Synchronously: there may be no thread left.
      for (const pipe of held) others.push(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK));
      await Promise.all(puts);
      for (const other of others) closeSync(other);
    }
    await Promise.all(channels.map(({ channel }) => channel.stop()));
  });
});
