import { strict as assert } from "node:assert";
import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { lockDirectory } from "../../../nodes/channels/file/directory-lock.js";
import { onLeftover } from "../../support/cleanup.js";
import { eventually } from "../../support/eventually.js";
import { node24 } from "../../support/machine.js";
import { useTempDir } from "../../support/temp-dir.js";
import { drain, events, put, range } from "../support/work.js";
import { openChannel, openQuietChannel } from "./support/channels.js";

const lockModule = join(__dirname, "../../../nodes/channels/file/directory-lock.js");

/** A process that says it runs on another machine: its lock can be seen from here, but it cannot. */
async function ownerElsewhere(directory: string): Promise<{ answer: string; kill(): Promise<void> }> {
  const script = `
    require("node:os").hostname = () => "elsewhere";
    const { lockDirectory } = require(${JSON.stringify(lockModule)});
    lockDirectory(process.argv[1]).then(() => console.log("mine"), (error) => console.log(error.code));
    setInterval(() => {}, 1000);`;
  const child: ChildProcess = spawn(node24, ["-e", script, directory], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const kill = async () => {
    child.kill("SIGKILL");
    await closed;
    forget();
  };
  const forget = onLeftover(`owner of a lock, process ${child.pid}`, kill);
  const answer = await new Promise<string>((resolve) =>
    child.stdout?.once("data", (data: Buffer) => resolve(data.toString().trim())),
  );
  return { answer, kill };
}

/** A process that asks for a directory, and keeps it until it is ended when it gets it. */
async function asker(directory: string, stops = "") {
  const script = `
    const files = require("node:fs/promises");
    const lock = require("node:path").join(process.argv[1], "in_use.lock");
    const stop = () => process.kill(process.pid, "SIGSTOP");
    if (process.argv[2]) for (const name of ["rename", "unlink"]) {
      const original = files[name];
      files[name] = async (path, ...more) => {
        if (path !== lock) return original(path, ...more);
        stop();
        await original(path, ...more);
        stop();
      };
    }
    const { lockDirectory } = require(${JSON.stringify(lockModule)});
    lockDirectory(process.argv[1]).then(() => console.log("mine"), (error) => console.log(error.code));
    setInterval(() => {}, 1000);`;
  const child = spawn(node24, ["-e", script, directory, stops], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = new Promise((resolve) => child.once("close", resolve));
  const end = async () => {
    child.kill("SIGKILL");
    await closed;
    forget();
  };
  const forget = onLeftover(`one who asks for a lock, process ${child.pid}`, end);
  const answered = new Promise<string>((resolve) =>
    child.stdout.once("data", (data: Buffer) => resolve(data.toString().trim())),
  );
  return {
    answered,
    end,
    goOn: () => void child.kill("SIGCONT"),
    standsStill: () =>
      eventually(async () => (await readFile(`/proc/${child.pid}/stat`, "utf8")).includes(") T "), {
        what: "standstill in the middle of it",
      }),
  };
}

describe("one owner for a directory, where processes cannot see each other", function () {
  this.timeout(60_000);
  const dir = useTempDir();

  it("a lock that shows signs of life is respected; one whose owner was killed is taken over", async () => {
    const there = await ownerElsewhere(dir().path);
    assert.equal(there.answer, "mine");
    await assert.rejects(lockDirectory(dir().path), { code: "FLUME_FILE_CHANNEL_IN_USE" });
    await there.kill();
    const here = await lockDirectory(dir().path);
    const again = await ownerElsewhere(dir().path);
    assert.equal(again.answer, "FLUME_FILE_CHANNEL_IN_USE");
    await again.kill();
    await here.release();
    const last = await ownerElsewhere(dir().path);
    assert.equal(last.answer, "mine", "what was released is free at once");
    await last.kill();
  });

  it("an owner that stood still and was replaced writes nothing more, and comes back when it may", async () => {
    const child = spawn(node24, [join(__dirname, "support", "elsewhere-child.js"), dir().path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = new Promise((resolve) => child.once("close", resolve));
    const kill = async () => {
      child.kill("SIGKILL");
      await closed;
      forget();
    };
    const forget = onLeftover(`owner of a lock, process ${child.pid}`, kill);
    const said: string[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => said.push(line));
    const numbers = () => said.flatMap((line) => (line.startsWith("put ") ? Number(line.slice(4)) : []));
    await eventually(() => numbers().length >= 100, { within: 30_000, what: "puts of the first owner" });

    child.kill("SIGSTOP");
    // What it has said is read; what it is about to say has been answered too, and is at most one.
    await eventually(async () => {
      const before = said.length;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return said.length === before;
    });
    const acknowledged = numbers();
    const { channel } = await openQuietChannel(dir().path);
    const found = await drain(channel);
    assert.deepEqual(found.slice(0, acknowledged.length), acknowledged);
    await put(channel, events(1_000_000, 10));
    const before = await filesOf(dir().path);
    said.length = 0;
    child.kill("SIGCONT");
    await eventually(() => said.length >= 20, { within: 30_000, what: "answers after it was woken" });
    // The first may have been answered before it stood still.
    const refused = said.slice(1).map((line) => line.split(" "));
    assert.deepEqual(new Set(refused.map(([, code]) => code)), new Set(["FLUME_FILE_CHANNEL_LOCK_LOST"]));
    // A spillable channel goes by this: nobody may overtake what is on the disk.
    assert.ok(
      refused.every(([, , held]) => Number(held) >= acknowledged.length),
      String(refused[0]),
    );
    assert.deepEqual(await filesOf(dir().path), before, "it has changed something");
    assert.deepEqual(await drain(channel), range(1_000_000, 1_000_010));

    await channel.stop();
    const from = said.length;
    await eventually(() => said.slice(from).some((line) => line.startsWith("put ")), {
      within: 30_000,
      what: "puts once the directory is free again",
    });
    await kill();
  });
});

/** Names, sizes and last changes of files, without the lock: who asks for it makes a file of its own for a moment. */
async function filesOf(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.startsWith("in_use")) continue;
    const { size, mtimeMs } = await stat(join(entry.parentPath, entry.name));
    files.push(`${entry.name} ${size} ${mtimeMs}`);
  }
  return files.sort();
}

describe("a lock that goes away while its owner runs", function () {
  this.timeout(60_000);
  const dir = useTempDir();

  it("a removed lock: what was acknowledged is there, and the channel opens the directory again", async () => {
    const { channel, context } = await openChannel(dir().path);
    await put(channel, events(0, 10));
    const consumer = channel.connect({ id: "taker", maxLeases: 1 });
    await rm(dir().file("data", "in_use.lock"));
    await eventually(() => context.reports.length > 0, { within: 20_000, what: "that it is noticed" });
    const take = consumer.take({ events: 10, bytes: 1e9 }, AbortSignal.timeout(20_000));
    await assert.rejects(take, { code: "FLUME_FILE_CHANNEL_LOCK_REMOVED" });
    await eventually(() => context.reports.at(-1) === undefined, { within: 20_000, what: "that it goes on" });
    await put(channel, events(10, 10));
    assert.deepEqual(await drain(channel), range(0, 20));
    const lock = JSON.parse(await readFile(dir().file("data", "in_use.lock"), "utf8")) as { pid: number };
    assert.equal(lock.pid, process.pid);
    await channel.stop();
    assert.deepEqual(
      (await readdir(dir().file("data"))).filter((name) => name.includes("lock")),
      [],
    );
  });

  it("a directory that was removed: puts are refused before it is noticed that nobody would find them", async () => {
    const { channel, context } = await openChannel(dir().path);
    await put(channel, events(0, 10));
    // Away at one stroke: while it is emptied file by file, its owner would still make new ones in it.
    await rename(dir().file("data"), dir().file("removed"));
    await eventually(() => context.reports.length > 0, { within: 20_000, what: "that it is noticed" });
    await eventually(() => context.reports.at(-1) === undefined, { within: 20_000, what: "that it goes on" });
    await put(channel, events(10, 10));
    await channel.stop();
    const again = await openChannel(dir().path);
    assert.deepEqual(await drain(again.channel), range(10, 20));
    await again.channel.stop();
  });

  it("one that stands still while it takes a stale lock away takes nobody else's, and there is one owner", async () => {
    await writeFile(dir().file("in_use.lock"), "");
    const slow = await asker(dir().path, "stops itself before and after it takes a lock away");
    await slow.standsStill();
    const quick = await asker(dir().path);
    await quick.answered;
    slow.goOn();
    await slow.standsStill();
    const third = await asker(dir().path);
    await third.answered;
    slow.goOn();
    const askers = [slow, quick, third];
    const answers = await Promise.all(askers.map(({ answered }) => answered));
    await Promise.all(askers.map(({ end }) => end()));
    const others = "FLUME_FILE_CHANNEL_IN_USE";
    assert.deepEqual(answers.toSorted(), [others, others, "mine"]);
    assert.deepEqual(await readdir(dir().path), ["in_use.lock"]);
  });

  it("who is killed while it takes a stale lock away does not keep others from it", async () => {
    await writeFile(dir().file("in_use.lock"), "");
    const killed = await asker(dir().path, "stops itself before and after it takes a lock away");
    await killed.standsStill();
    await killed.end();
    const lock = await lockDirectory(dir().path);
    await lock.release();
    assert.deepEqual(await readdir(dir().path), []);
  });

  it("a process that has ended owns nothing, though nobody has looked at it yet", async () => {
    // A shell that becomes a sleeper never looks at its child.
    const script = `
      const { lockDirectory } = require(${JSON.stringify(lockModule)});
      lockDirectory(process.argv[1]).then(() => { console.log("mine"); process.kill(process.pid, "SIGKILL"); });`;
    const parent = spawn("sh", ["-c", `"$0" -e "$1" "$2" & exec sleep 60`, node24, script, dir().path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const closed = new Promise((resolve) => parent.once("close", resolve));
    const kill = async () => {
      parent.kill("SIGKILL");
      await closed;
      forget();
    };
    const forget = onLeftover(`parent of a process that has ended, process ${parent.pid}`, kill);
    await new Promise((resolve) => parent.stdout.once("data", resolve));
    const { pid } = JSON.parse(await readFile(dir().file("in_use.lock"), "utf8")) as { pid: number };
    await eventually(async () => (await readFile(`/proc/${pid}/stat`, "utf8")).includes(") Z "));
    const lock = await lockDirectory(dir().path);
    await lock.release();
    await kill();
  });
});
