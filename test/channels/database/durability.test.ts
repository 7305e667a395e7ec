import { strict as assert } from "node:assert";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { packEvents } from "../../../nodes/channels/database/packed-events.js";
import type { SqliteRequest } from "../../../nodes/channels/database/sqlite/protocol.js";
import { loadSqlite, SqliteFile } from "../../../nodes/channels/database/sqlite/sqlite-file.js";
import { eventually } from "../../support/eventually.js";
import { skip } from "../../support/skip.js";
import { useTempDir } from "../../support/temp-dir.js";
import { mountMemory } from "../support/memory-disk.js";
import { drain, events, numbersOf, put, range, refusal, takeSome } from "../support/work.js";
import { openDatabaseChannel } from "./support/channels.js";
import { sqliteUnavailable } from "./support/sql.js";

/** Of "PRAGMA synchronous", in SQLite's documentation: in a log, each commit waits for the disk, or none does. */
const [NORMAL, FULL] = [1, 2];

describe("database channel on SQLite: what is on the disk when", function () {
  this.timeout(60_000);
  before(async function () {
    const reason = await sqliteUnavailable();
    if (reason !== undefined) skip(this, reason);
  });
  const dir = useTempDir();

  /** How each commit of the work treats the disk, as its own connection says. */
  function commitsOf(sync: boolean, work: (file: SqliteFile) => void): unknown[] {
    const { DatabaseSync: Database, StatementSync: Statement } = loadSqlite();
    const { prepare } = Database.prototype;
    const { run } = Statement.prototype;
    const levels: unknown[] = [];
    const commits = new Map<StatementSync, DatabaseSync>();
    Database.prototype.prepare = function (this: DatabaseSync, ...given) {
      const statement = prepare.apply(this, given);
      if (given[0] === "COMMIT") commits.set(statement, this);
      return statement;
    };
    const watched = function (this: StatementSync, ...given: Parameters<StatementSync["run"]>) {
      const database = commits.get(this);
      if (database) levels.push(prepare.call(database, "PRAGMA synchronous").get()?.["synchronous"]);
      return run.apply(this, given);
    };
    Statement.prototype.run = watched as StatementSync["run"];
    try {
      const settings = { channel: "channel", table: "headrace_events_channel", createSchema: true };
      const file = new SqliteFile({ ...settings, file: dir().file("channel.db"), sync });
      work(file);
      file.close();
    } finally {
      Database.prototype.prepare = prepare;
      Statement.prototype.run = run;
    }
    return levels;
  }

  const one = packEvents([events(0, 1)]);
  const none = packEvents([]);
  const work = (file: SqliteFile): void => {
    file.write([{ first: 1, count: 1 }], one, []);
    file.write([], none, [{ from: 1, to: 2 }]);
    file.write([{ first: 2, count: 1 }], one, []);
    file.write([{ first: 3, count: 1 }], one, [{ from: 2, to: 3 }]);
  };

  it("each put waits for it, alone or with takes; takes alone do not", () => {
    assert.deepEqual(commitsOf(true, work), [FULL, NORMAL, FULL, FULL]);
  });

  it("nothing waits for it where it is told so", () => {
    assert.deepEqual(commitsOf(false, work), [NORMAL, NORMAL, NORMAL, NORMAL]);
  });

  it("takes come onto it by themselves, soon after, though no put follows", async () => {
    const { postMessage } = Worker.prototype;
    const asked: string[] = [];
    Worker.prototype.postMessage = function (this: Worker, ...given: Parameters<Worker["postMessage"]>) {
      asked.push((given[0] as { request: SqliteRequest }).request.do);
      postMessage.apply(this, given);
    } as Worker["postMessage"];
    try {
      const { channel } = await openDatabaseChannel(dir().path);
      await put(channel, events(0, 5));
      asked.length = 0;
      assert.deepEqual(await drain(channel), range(0, 5));
      await eventually(() => asked.includes("sync"), { within: 20_000, what: "a sync" });
      assert.ok(asked.indexOf("write") < asked.lastIndexOf("sync"));
      await channel.stop();
    } finally {
      Worker.prototype.postMessage = postMessage;
    }
  });

  it("on a disk that is full puts leave what takes need, however often they try", async function () {
    const folder = dir().file("small");
    const disk = await mountMemory(this, folder, "size=24m");
    try {
      const { channel } = await openDatabaseChannel(folder);
      const acknowledged: number[] = [];
      const taken: number[] = [];
      let next = 0;
      const fill = async (): Promise<void> => {
        for (; ; next += 100) {
          if ((await refusal(put(channel, events(next, 100, 1000)))) !== "accepted") break;
          acknowledged.push(...range(next, next + 100));
        }
        next += 100;
      };
      await fill();
      const consumer = channel.connect({ id: "taker", maxLeases: 1 });
      for (let round = 0; round < 10; round++) {
        const take = await takeSome(consumer, 50);
        assert.ok(take);
        taken.push(...numbersOf(take.batch));
        await take.commit();
        await fill();
      }
      await consumer.close();
      taken.push(...(await drain(channel)));
      assert.deepEqual(taken, acknowledged);
      await channel.stop();
    } finally {
      disk.unmount();
    }
  });
});
