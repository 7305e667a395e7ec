import { strict as assert } from "node:assert";
import { mkdir, open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { repeatedBatch } from "../../../lib/engine/batch.js";
import { Delivery, NEVER, routesTo } from "../../../lib/engine/delivery.js";
import { createEvent } from "../../../lib/engine/event.js";
import { SqliteFile } from "../../../nodes/channels/database/sqlite/sqlite-file.js";
import { MOST_ROWS } from "../../../nodes/channels/database/store.js";
import { eventually } from "../../support/eventually.js";
import { memoryInUse } from "../../support/memory-in-use.js";
import { skip } from "../../support/skip.js";
import { useTempDir } from "../../support/temp-dir.js";
import { drain, events, numbersOf, put, range, refusal, reported } from "../support/work.js";
import { databaseChannel, openDatabaseChannel } from "./support/channels.js";
import { otherProgram, sqliteUnavailable } from "./support/sql.js";

const EVENTS = '"headrace_events_channel"';

describe("database channel on SQLite", function () {
  this.timeout(60_000);
  before(async function () {
    const reason = await sqliteUnavailable();
    if (reason !== undefined) skip(this, reason);
  });
  const dir = useTempDir();
  const file = () => dir().file("channel.db");

  it("keeps events in a table that people can read, for this user alone", async () => {
    const { channel } = await openDatabaseChannel(dir().path);
    const before = Date.now();
    await put(channel, events(7, 2));
    const other = otherProgram(file());
    const rows = other.prepare(`SELECT id, headers, CAST(body AS TEXT) AS body, put_time FROM ${EVENTS}`).all();
    assert.deepEqual(
      rows.map((row) => [row["id"], row["headers"], row["body"]]),
      [
        [1, "{}", "7"],
        [2, "{}", "8"],
      ],
    );
    assert.ok(Number(rows[0]?.["put_time"]) >= before && Number(rows[0]?.["put_time"]) <= Date.now());
    other.close();
    await channel.stop();
    for (const name of await readdir(dir().path)) assert.equal((await stat(dir().file(name))).mode & 0o077, 0, name);
  });

  it("never gives an id again, also when the table was empty at a restart", async () => {
    const first = await openDatabaseChannel(dir().path);
    await put(first.channel, events(0, 10));
    assert.deepEqual(await drain(first.channel), range(0, 10));
    await first.channel.stop();
    const second = await openDatabaseChannel(dir().path);
    await put(second.channel, events(10, 1));
    const other = otherProgram(file());
    assert.deepEqual({ ...other.prepare(`SELECT id FROM ${EVENTS}`).get() }, { id: 11 });
    other.close();
    await second.channel.stop();
  });

  it("shares a file with channels of other names, and a name with nobody", async () => {
    const url = file();
    const settings = (channelName: string) => ({ url, channelName });
    const [a, b] = [await openDatabaseChannel("a", settings("a")), await openDatabaseChannel("b", settings("B ü"))];
    const again = databaseChannel("a", settings("a"));
    assert.equal(await refusal(again.channel.start()), "FLUME_DATABASE_IN_USE");
    await Promise.all([put(a.channel, events(0, 100)), put(b.channel, events(1000, 100))]);
    assert.deepEqual(await drain(b.channel), range(1000, 1100));
    await a.channel.stop();
    await again.channel.start();
    assert.deepEqual(await drain(again.channel), range(0, 100));
    await again.channel.stop();
    await b.channel.stop();
  });

  it("refuses tables of a later version, and leaves them as they are", async () => {
    const { channel } = await openDatabaseChannel(dir().path);
    await put(channel, events(0, 1));
    await channel.stop();
    const other = otherProgram(file());
    other.exec("UPDATE headrace_schema SET version = 99");
    other.close();
    assert.equal(await refusal(openDatabaseChannel(dir().path)), "FLUME_DATABASE_NEWER");
    const look = otherProgram(file());
    assert.deepEqual({ ...look.prepare(`SELECT count(*) AS n FROM ${EVENTS}`).get() }, { n: 1 });
    look.close();
  });

  it("makes no tables where it is told not to, and says which are missing", async () => {
    const settings = { createSchema: false };
    assert.equal(await refusal(openDatabaseChannel(dir().path, settings)), "FLUME_DATABASE_NO_TABLES");
    await (await openDatabaseChannel(dir().path)).channel.stop();
    await (await openDatabaseChannel(dir().path, settings)).channel.stop();
  });

  it("says what of Flume's settings has no equal", async () => {
    const other = (property: string, value = "x") => ({ otherProperties: [{ property, value }] });
    for (const settings of [
      other("connection.properties.file"),
      other("sysprop.user.home"),
      other("driver.class", "com.mysql.jdbc.Driver"),
      other("no.such.thing"),
    ]) {
      assert.equal(await refusal(openDatabaseChannel(dir().path, settings)), "FLUME_DATABASE_PROPERTY");
    }
    for (const url of ["jdbc:derby:db", "jdbc:mysql://h/d", ":memory:"]) {
      assert.equal(await refusal(openDatabaseChannel(dir().path, { url })), "FLUME_DATABASE_URL", url);
    }
    assert.throws(() => databaseChannel(dir().path, { dbType: "DERBY" }), /DERBY/);
    const taken = { otherProperties: [{ property: "create.index", value: "true" }], url: `jdbc:sqlite:${file()}` };
    await (await openDatabaseChannel("nowhere", taken)).channel.stop();
  });

  it("refuses puts while another program has the file locked; takes wait, and all goes on by itself", async () => {
    const { channel, context } = await openDatabaseChannel(dir().path);
    await put(channel, events(0, 10));
    const other = otherProgram(file());
    other.exec("BEGIN IMMEDIATE");
    const consumer = channel.connect({ id: "taker", maxLeases: 1 });
    const take = await consumer.take({ events: 4, bytes: Number.POSITIVE_INFINITY }, NEVER);
    let committed = false;
    const committing = take?.commit().then(() => (committed = true));
    assert.equal(await refusal(put(channel, events(10, 5))), "FLUME_DATABASE_LOCKED");
    assert.equal(committed, false);
    other.exec("ROLLBACK");
    other.close();
    await committing;
    await consumer.close();
    await put(channel, events(20, 5));
    assert.deepEqual(await drain(channel), [...range(4, 10), ...range(20, 25)]);
    assert.equal(reported(context)[0], "FLUME_DATABASE_LOCKED");
    assert.equal(reported(context).at(-1), "over");
    await channel.stop();
  });

  it("says why a file cannot be opened, and opens it once it can", async () => {
    await mkdir(file());
    const { channel } = databaseChannel(dir().path);
    assert.equal(await refusal(channel.start()), "FLUME_DATABASE_CANNOT_OPEN");
    await writeFile(dir().file("in-the-way"), "");
    const url = dir().file("in-the-way", "channel.db");
    const made = databaseChannel(dir().path, { url });
    assert.equal(await refusal(made.channel.start()), "FLUME_DATABASE_CANNOT_OPEN");
  });

  it("goes on when its thread dies in the middle of the work: nothing lost, nothing twice", async () => {
    const threads = new Set<Worker>();
    const { postMessage } = Worker.prototype;
    Worker.prototype.postMessage = function (this: Worker, ...given: Parameters<Worker["postMessage"]>) {
      threads.add(this);
      postMessage.apply(this, given);
    } as Worker["postMessage"];
    try {
      const { channel, context } = await openDatabaseChannel(dir().path);
      const acknowledged: number[] = [];
      const refused: string[] = [];
      for (let round = 0; round < 10; round++) {
        const puts = range(0, 8).map(async (i) => {
          const first = round * 1000 + i * 100;
          const why = await refusal(put(channel, events(first, 100, 100)));
          if (why === "accepted") acknowledged.push(...range(first, first + 100));
          else refused.push(why);
        });
        await new Promise((resolve) => setTimeout(resolve, round / 3));
        for (const thread of threads) await thread.terminate();
        threads.clear();
        await Promise.all(puts);
      }
      assert.ok(refused.length > 0, "no thread died in time");
      assert.deepEqual(new Set(refused), new Set(["FLUME_DATABASE_FAILED"]));
      const drained = await drain(channel);
      assert.deepEqual(
        drained.toSorted((a, b) => a - b),
        acknowledged.toSorted((a, b) => a - b),
      );
      assert.ok(reported(context).includes("FLUME_DATABASE_FAILED"));
      await channel.stop();
      const again = await openDatabaseChannel(dir().path);
      assert.equal(again.channel.size, 0);
      await again.channel.stop();
    } finally {
      Worker.prototype.postMessage = postMessage;
    }
  });

  describe("a put that was committed although its sender was told that it may not be", () => {
    const { emit } = Worker.prototype;
    /** The next answer of a thread is lost, and the thread with it. */
    const loseNextAnswer = (then: () => void = () => undefined) => {
      Worker.prototype.emit = function (this: Worker, ...given: Parameters<typeof emit>) {
        if (given[0] !== "message") return emit.apply(this, given);
        Worker.prototype.emit = emit;
        then();
        void this.terminate();
        return true;
      } as typeof emit;
    };
    afterEach(() => {
      Worker.prototype.emit = emit;
    });

    it("is taken out again", async () => {
      const { channel } = await openDatabaseChannel(dir().path);
      await put(channel, events(0, 10));
      loseNextAnswer();
      assert.equal(await refusal(put(channel, events(10, 10))), "FLUME_DATABASE_FAILED");
      await put(channel, events(20, 10));
      assert.deepEqual(await drain(channel), [...range(0, 10), ...range(20, 30)]);
      await channel.stop();
      const again = await openDatabaseChannel(dir().path);
      assert.equal(again.channel.size, 0);
      await again.channel.stop();
    });

    it("is not given while it cannot be taken out yet", async () => {
      const { channel, context } = await openDatabaseChannel(dir().path);
      // More than is kept in memory: what follows is read back from the file.
      for (let first = 0; first < 10_000; first += 1000) await put(channel, events(first, 1000, 500));
      const other = otherProgram(file());
      loseNextAnswer(() => other.exec("BEGIN IMMEDIATE"));
      assert.equal(await refusal(put(channel, events(10_000, 10))), "FLUME_DATABASE_FAILED");
      await eventually(() => reported(context).includes("FLUME_DATABASE_LOCKED"));
      other.exec("ROLLBACK");
      other.close();
      await put(channel, events(20_000, 10));
      // Nothing is committed meanwhile: that would wait for its turn behind what is to be taken out.
      const consumer = channel.connect({ id: "look", maxLeases: Number.POSITIVE_INFINITY });
      const given: number[] = [];
      while (given.length < 10_010) {
        const take = await consumer.take(
          { events: 1000, bytes: Number.POSITIVE_INFINITY },
          AbortSignal.timeout(15_000),
        );
        assert.ok(take, `only ${given.length} came`);
        given.push(...numbersOf(take.batch));
      }
      assert.deepEqual(given, [...range(0, 10_000), ...range(20_000, 20_010)]);
      await channel.stop();
    });
  });

  it("leaves the free space that it is told to leave", async () => {
    const { channel } = await openDatabaseChannel(dir().path, { minimumRequiredSpace: Number.MAX_SAFE_INTEGER });
    assert.equal(await refusal(put(channel, events(0, 1))), "FLUME_DATABASE_NO_SPACE");
    await channel.stop();
  });

  it("puts what can be read of a damaged file into a new one, and keeps the damaged one", async () => {
    const { channel } = await openDatabaseChannel(dir().path);
    for (let first = 0; first < 2000; first += 100) await put(channel, events(first, 100, 400));
    await channel.stop();
    // A page in the middle.
    const handle = await open(file(), "r+");
    await handle.write(Buffer.alloc(4096, 0x5a), 0, 4096, 4096 * 100);
    await handle.close();
    const again = await openDatabaseChannel(dir().path);
    const left = await drain(again.channel);
    assert.ok(left.length >= 1980 && left.length < 2000, `${left.length}`);
    assert.deepEqual(
      left,
      left.toSorted((a, b) => a - b),
    );
    assert.match(again.context.lines.join("\n"), /was damaged .* events could be read/);
    await put(again.channel, events(5000, 1));
    await again.channel.stop();
    const kept = (await readdir(dir().path)).find((name) => /^channel\.db\.damaged-[^.]+$/.test(name));
    assert.ok(kept, "the damaged file is gone");
    assert.equal((await stat(dir().file(kept))).size % 4096, 0);
  });

  it("starts anew when its file has become something that is no database at all, and keeps that", async () => {
    await (await openDatabaseChannel(dir().path)).channel.stop();
    await writeFile(file(), Buffer.alloc(20_000, "no database "));
    const { channel, context } = await openDatabaseChannel(dir().path);
    assert.match(context.lines.join("\n"), /0 events could be read/);
    await put(channel, events(0, 5));
    assert.deepEqual(await drain(channel), range(0, 5));
    await channel.stop();
    assert.ok((await readdir(dir().path)).some((name) => name.includes(".damaged-")));
  });

  it("refuses a file that was never a database of its own, and leaves no trace of itself there", async () => {
    await writeFile(file(), "root:x:0:0:root:/root:/bin/bash\n".repeat(50));
    const text = await readFile(file(), "utf8");
    assert.equal(await refusal(openDatabaseChannel(dir().path)), "FLUME_DATABASE_FOREIGN");
    assert.deepEqual(await readdir(dir().path), ["channel.db"]);
    assert.equal(await readFile(file(), "utf8"), text);
  });

  it("mends no damaged database of somebody else", async () => {
    const other = otherProgram(file());
    other.exec("CREATE TABLE theirs (text)");
    other.close();
    const handle = await open(file(), "r+");
    await handle.write(Buffer.alloc(4000, 0x5a), 0, 4000, 96);
    await handle.close();
    assert.equal(await refusal(openDatabaseChannel(dir().path)), "FLUME_DATABASE_FOREIGN");
    assert.deepEqual(
      (await readdir(dir().path)).filter((name) => name.includes("damaged")),
      [],
    );
  });

  it("finds damage while it reads: the file is salvaged then, and everything whole comes out", async () => {
    const { channel, context } = await openDatabaseChannel(dir().path);
    for (let first = 0; first < 30_000; first += 500) await put(channel, events(first, 500, 500));
    const other = otherProgram(file());
    other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    other.close();
    const { size } = await stat(file());
    const handle = await open(file(), "r+");
    await handle.write(Buffer.alloc(4096, 0x5a), 0, 4096, Math.floor(size / 4096 - 40) * 4096);
    await handle.close();
    const left = await drain(channel);
    assert.ok(left.length >= 29_980 && left.length < 30_000, `${left.length}`);
    assert.ok(reported(context).includes("FLUME_DATABASE_DAMAGED"), String(reported(context)));
    await channel.stop();
  });

  it("bears rows that somebody else has added, changed or taken out", async () => {
    const { channel, context } = await openDatabaseChannel(dir().path);
    for (let first = 0; first < 20_000; first += 1000) await put(channel, events(first, 1000, 500));
    const other = otherProgram(file());
    other.exec(`DELETE FROM ${EVENTS} WHERE id > 19000`);
    other.exec(`UPDATE ${EVENTS} SET headers = 'no JSON', body = 'text 5' WHERE id = 18000`);
    other.close();
    const consumer = channel.connect({ id: "drain", maxLeases: 1 });
    let last: { headers: unknown; body: string } | undefined;
    let taken = 0;
    while ((channel.size ?? 0) > 0) {
      const take = await consumer.take({ events: 500, bytes: Number.POSITIVE_INFINITY }, AbortSignal.timeout(300));
      if (!take) continue;
      for (const { headers, body } of take.batch) {
        if (body.toString() === "text 5") last = { headers: { ...headers }, body: body.toString() };
      }
      taken += take.batch.length;
      await take.commit();
    }
    assert.equal(taken, 19_000);
    assert.deepEqual(last, { headers: { "headrace.headers": "no JSON" }, body: "text 5" });
    assert.match(context.lines.join("\n"), /has changed the rows/);
    await channel.stop();
  });

  it("holds a hundred thousand events in the file and a few in memory", async () => {
    const { channel } = await openDatabaseChannel(dir().path);
    await put(channel, events(0, 1, 500));
    const before = await memoryInUse();
    for (let first = 1; first < 100_000; first += 1000) {
      await put(channel, events(first, Math.min(1000, 100_000 - first), 500));
    }
    const grown = (await memoryInUse()) - before;
    assert.ok(grown < 12e6, `${grown} bytes are kept for 50 MB of events`);
    assert.deepEqual((await drain(channel)).length, 100_000);
    await channel.stop();
  });

  it("events without a body are read in parts, too", async () => {
    const { channel } = await openDatabaseChannel(dir().path);
    const empty = repeatedBatch(createEvent(Buffer.alloc(0)), 10_000);
    for (let i = 0; i < 3; i++) await put(channel, empty);
    await channel.stop();
    const settings = { file: file(), channel: "channel", table: "headrace_events_channel", createSchema: false };
    const table = new SqliteFile({ ...settings, sync: true });
    const { ids, last } = table.read({ from: 0, to: 1e9 }, 1e9);
    table.close();
    assert.deepEqual([ids.length, last], [MOST_ROWS, false]);
    const again = await openDatabaseChannel(dir().path);
    assert.equal((await drain(again.channel)).length, 30_000);
    await again.channel.stop();
  });

  it("what reaches it by two ways and can never be in it together is refused, instead of being tried for ever", async () => {
    const { channel } = await openDatabaseChannel(dir().path, { capacity: 3, transactionCapacity: 3 });
    const delivery = new Delivery(routesTo([channel, channel], events(0, 2)));
    await assert.rejects(delivery.attempt(NEVER), { code: "FLUME_BATCH_TOO_LARGE" });
    await new Delivery(routesTo([channel, channel], events(0, 1))).attempt(NEVER);
    assert.deepEqual(await drain(channel), [0, 0]);
    await channel.stop();
  });

  it("a batch that is larger than what is kept in memory goes through", async () => {
    const { channel } = await openDatabaseChannel(dir().path);
    await put(channel, events(0, 3, 9_000_000));
    await put(channel, events(3, 3, 10));
    assert.deepEqual(await drain(channel), range(0, 6));
    await channel.stop();
  });

  it("puts that were handed over are in the file when it stops", async () => {
    const { channel } = await openDatabaseChannel(dir().path);
    const prepared = await Promise.all(range(0, 20).map((n) => channel.prepare(events(n * 10, 10), NEVER)));
    const commits = Promise.all(prepared.map((one) => one.commit()));
    await channel.stop();
    await commits;
    const again = await openDatabaseChannel(dir().path);
    assert.deepEqual(await drain(again.channel), range(0, 200));
    await again.channel.stop();
  });

  it("gives the same without a sync for each put", async () => {
    const { channel } = await openDatabaseChannel(dir().path, { fsyncPerTransaction: false, fsyncInterval: 1 });
    for (let first = 0; first < 100; first += 10) await put(channel, events(first, 10));
    // Over an interval, at whose end it is synced.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    assert.deepEqual(await drain(channel), range(0, 100));
    await channel.stop();
  });
});
