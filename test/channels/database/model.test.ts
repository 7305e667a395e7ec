import { cp, rm } from "node:fs/promises";
import * as fc from "fast-check";
import type { Channel } from "../../../lib/engine/contracts.js";
import { postgresqlUnavailable, type PostgresqlServer, startPostgresql } from "../../counterparts/postgresql/server.js";
import { skip } from "../../support/skip.js";
import { useTempDir } from "../../support/temp-dir.js";
import regressions from "./model-regressions.json";
import { openDatabaseChannel } from "./support/channels.js";
import { type Action, type ModelledChannel, ModelRun } from "./support/model.js";
import { cutConnections, sqliteUnavailable } from "./support/sql.js";

const count = (max: number) => fc.integer({ min: 1, max });
const which = fc.nat(3);
/** A few of the largest are more than the channel keeps in memory. */
const bodyBytes = fc.oneof({ weight: 6, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.constant(400_000) });

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("put" as const), events: count(20), bodyBytes }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("putTogether" as const),
      puts: count(5),
      events: count(5),
      aborted: fc.nat(2),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("take" as const), most: count(15) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("commit" as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rollback" as const), which }) },
  { weight: 1, arbitrary: fc.constant({ do: "reopen" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "crash" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cut" as const), puts: count(4) }) },
);

const RUNS = Number(process.env["HEADRACE_MODEL_RUNS"] ?? 40);

async function run(actions: readonly Action[], subject: ModelledChannel): Promise<void> {
  const model = new ModelRun(subject);
  await model.start();
  for (const one of actions) await model.apply(one);
  await model.finish();
}

const runs = (newSubject: () => ModelledChannel) =>
  fc.asyncProperty(fc.array(action, { maxLength: 40, size: "max" }), (actions) => run(actions, newSubject()));

describe("database channel beside a plain list", function () {
  this.timeout(600_000);
  const dir = useTempDir();
  let made = 0;

  /** A crash is a copy of the files as they are at that moment. */
  const sqlite = (): ModelledChannel => {
    let folder = dir().file(String(++made));
    return {
      open: async () => (await openDatabaseChannel(folder)).channel,
      async crash(channel) {
        const left = dir().file(String(++made));
        for (const end of ["", "-wal"]) await cp(`${folder}/channel.db${end}`, `${left}/channel.db${end}`);
        await channel.stop();
        await rm(folder, { recursive: true });
        folder = left;
      },
    };
  };

  for (const { why, actions } of regressions as { why: string; actions: Action[] }[]) {
    it(`again: ${why}`, () => run(actions, sqlite()));
  }

  it("SQLite behaves the same through puts, takes, rollbacks, restarts and crashes", async function () {
    const reason = await sqliteUnavailable();
    if (reason !== undefined) skip(this, reason);
    await fc.assert(runs(sqlite), { numRuns: RUNS });
  });

  it("PostgreSQL behaves the same, with its connections cut as well", async function () {
    const reason = await postgresqlUnavailable();
    if (reason !== undefined) skip(this, reason);
    const server = await startPostgresql();
    try {
      await fc.assert(
        runs(() => postgresql(server, `model ${++made}`)),
        { numRuns: Math.ceil(RUNS / 4) },
      );
    } finally {
      await server.remove();
    }
  });
});

function postgresql(server: PostgresqlServer, channelName: string): ModelledChannel {
  const settings = { dbType: "POSTGRESQL", url: server.url, username: server.user, channelName };
  return {
    open: async () => (await openDatabaseChannel("nowhere", settings)).channel,
    // The server sees no difference between this and the end of the process.
    crash: (channel: Channel) => channel.stop(),
    cut: () => cutConnections(server),
  };
}
