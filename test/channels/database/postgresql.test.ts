import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { batchOf } from "../../../lib/engine/batch.js";
import { NEVER } from "../../../lib/engine/delivery.js";
import { isHeadraceError } from "../../../lib/engine/errors.js";
import { createEvent } from "../../../lib/engine/event.js";
import {
  DATABASE,
  postgresqlUnavailable,
  type PostgresqlServer,
  startPostgresql,
} from "../../counterparts/postgresql/server.js";
import { eventually } from "../../support/eventually.js";
import { freePort } from "../../support/ports.js";
import { skip } from "../../support/skip.js";
import { tempDir, type TempDir } from "../../support/temp-dir.js";
import { drain, events, numbersOf, put, range, refusal, reported } from "../support/work.js";
import { databaseChannel, type OpenChannel } from "./support/channels.js";
import { startCuttingProxy } from "./support/cutting-proxy.js";
import { ask, cutConnections, withClient } from "./support/sql.js";

const run = promisify(execFile);

describe("database channel on PostgreSQL", function () {
  this.timeout(120_000);
  let server: PostgresqlServer;
  let secured: PostgresqlServer;
  let folder: TempDir;
  let made = 0;

  before("start PostgreSQL", async function () {
    const reason = await postgresqlUnavailable();
    if (reason !== undefined) skip(this, reason);
    folder = await tempDir();
    const [certificate, key] = [folder.file("server.pem"), folder.file("server.key")];
    await run("openssl", [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"],
      ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
    ]);
    server = await startPostgresql();
    secured = await startPostgresql({ password: "wonder", tls: { certificate, key } });
  });

  after(async () => {
    await server?.remove();
    await secured?.remove();
    await folder?.remove();
  });

  const settingsOf = (of: PostgresqlServer, more: Readonly<Record<string, unknown>> = {}) => ({
    ...{ dbType: "POSTGRESQL", url: of.url, username: of.user, password: of.password ?? "" },
    ...{ channelName: `test_${++made}`, ...more },
  });
  const open = async (more: Readonly<Record<string, unknown>> = {}): Promise<OpenChannel & { name: string }> => {
    const settings = settingsOf(server, more);
    const opened = databaseChannel("nowhere", settings);
    await opened.channel.start();
    return { ...opened, name: settings.channelName };
  };

  it("keeps events in a table that people can read, and ids go on when it has emptied", async () => {
    const { channel, name } = await open();
    const prepared = await channel.prepare(
      batchOf([createEvent(Buffer.from("a\u0000b"), { host: "h", ü: "值" }), createEvent(Buffer.alloc(0))]),
      NEVER,
    );
    await prepared.commit();
    const table = `headrace_events_${name}`;
    const rows = await ask(server, `SELECT id, headers->>'host' AS host, body, put_time FROM ${table} ORDER BY id`);
    assert.deepEqual(
      rows.map(({ id, host, body }) => [id, host, String(body)]),
      [
        ["1", "h", "a\u0000b"],
        ["2", null, ""],
      ],
    );
    assert.ok(Math.abs(Number(rows[0]?.["put_time"]) - Date.now()) < 60_000);
    const [channels] = await ask(server, `SELECT event_table FROM headrace_channels WHERE name = '${name}'`);
    assert.equal(channels?.["event_table"], table);
    const consumer = channel.connect({ id: "taker", maxLeases: 1 });
    const take = await consumer.take({ events: 9, bytes: Number.POSITIVE_INFINITY }, NEVER);
    await take?.commit();
    await channel.stop();

    const again = await open({ channelName: name });
    await put(again.channel, events(0, 1));
    await ask(server, `INSERT INTO ${table} (body) VALUES ('9')`);
    const ids = (await ask(server, `SELECT id FROM ${table} ORDER BY id`)).map(({ id }) => id);
    assert.deepEqual(ids, ["3", "4"]);
    await again.channel.stop();
    // Somebody else's row is given when the channel is opened again.
    const third = await open({ channelName: name });
    assert.deepEqual(await drain(third.channel), [0, 9]);
    await third.channel.stop();
  });

  it("gives headers back as they were, also after a restart and from another encoding", async () => {
    await ask(server, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    const headers = { значение: "值", control: '\u0000\u0001\n"\\', half: "\ud800", empty: "" };
    for (const url of [server.url, server.url.replace(DATABASE, "latin")]) {
      const { channel, name } = await open({ url });
      const prepared = await channel.prepare(batchOf([createEvent(Buffer.from("x"), headers)]), NEVER);
      await prepared.commit();
      await channel.stop();
      const again = await open({ url, channelName: name });
      const consumer = again.channel.connect({ id: "taker", maxLeases: 1 });
      const take = await consumer.take({ events: 1, bytes: Number.POSITIVE_INFINITY }, NEVER);
      assert.deepEqual({ ...take?.batch.at(0).headers }, headers);
      await again.channel.stop();
    }
  });

  it("has one owner for each name", async () => {
    const { channel, name } = await open();
    const other = databaseChannel("nowhere", settingsOf(server, { channelName: name }));
    assert.equal(await refusal(other.channel.start()), "FLUME_DATABASE_IN_USE");
    await channel.stop();
    await other.channel.start();
    await other.channel.stop();
  });

  it("keeps the tables in the schema that the URL names, and refuses those of a later version", async () => {
    await ask(server, "CREATE SCHEMA apart");
    const url = `${server.url}?currentSchema=apart&ApplicationName=apart`;
    const { channel, name } = await open({ url });
    await put(channel, events(0, 3));
    assert.deepEqual(await ask(server, `SELECT count(*)::int AS n FROM apart.headrace_events_${name}`), [{ n: 3 }]);
    await channel.stop();
    await ask(server, "UPDATE apart.headrace_schema SET version = 99");
    assert.equal(await refusal(open({ url, channelName: name })), "FLUME_DATABASE_NEWER");
    const missing = open({ url: `${server.url}?currentSchema=nowhere` });
    assert.equal(await refusal(missing), "FLUME_DATABASE_CANNOT_OPEN");
  });

  it("says what is wrong with address, login and TLS", async () => {
    const port = await freePort();
    const authority = await readFile(folder.file("server.pem"), "utf8");
    const cases: [string, Readonly<Record<string, unknown>>][] = [
      ["FLUME_DATABASE_UNREACHABLE", { url: `jdbc:postgresql://127.0.0.1:${port}/${DATABASE}` }],
      ["FLUME_DATABASE_CANNOT_OPEN", { url: secured.url.replace(DATABASE, "missing") }],
      ["FLUME_DATABASE_LOGIN", { password: "wrong" }],
      ["FLUME_DATABASE_LOGIN", { username: "nobody" }],
      // Its certificate is nobody's whom Node.js knows.
      ["FLUME_DATABASE_TLS", { useTls: true }],
      ["FLUME_DATABASE_TLS", { url: `${secured.url}?sslmode=verify-full` }],
      ["FLUME_DATABASE_TLS", { url: server.url, useTls: true }],
      ["FLUME_DATABASE_URL", { url: "jdbc:mysql://127.0.0.1/x" }],
      ["FLUME_DATABASE_URL", { url: `${secured.url}?password=wonder` }],
      ["FLUME_DATABASE_URL", { url: `${secured.url}?targetServerType=primary` }],
    ];
    for (const [expected, more] of cases) {
      const { channel } = databaseChannel("nowhere", settingsOf(secured, more));
      let told = "";
      const starting = channel.start().catch((error: unknown) => {
        told = String(error);
        throw error;
      });
      assert.equal(await refusal(starting), expected, JSON.stringify(more));
      assert.doesNotMatch(told, /wonder/, "the password is told");
      await channel.stop();
    }
    const tls = { id: "tls", name: "tls", config: { ca: authority }, shared: {} };
    const { channel } = databaseChannel("nowhere", settingsOf(secured, { useTls: true, tls: "tls" }), { tls });
    await channel.start();
    await put(channel, events(0, 5));
    const [session] = await ask(
      secured,
      "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'headrace'",
    );
    assert.equal(session?.["ssl"], true);
    assert.deepEqual(await drain(channel), range(0, 5));
    await channel.stop();
  });

  it("asks the database what became of a transaction whose answer is lost", async () => {
    const proxy = await startCuttingProxy(server.port);
    const url = `jdbc:postgresql://127.0.0.1:${proxy.port}/${DATABASE}`;
    const { channel, context } = await open({ url });
    await put(channel, events(0, 5));
    // The names of the statements, as they stand in the protocol.
    proxy.loseAnswerTo("headrace_p_");
    await put(channel, events(5, 5));
    assert.equal(proxy.lost, 1);
    const consumer = channel.connect({ id: "taker", maxLeases: 1 });
    const take = await consumer.take({ events: 3, bytes: Number.POSITIVE_INFINITY }, NEVER);
    proxy.loseAnswerTo("headrace_t_");
    await take?.commit();
    assert.equal(proxy.lost, 2);
    await consumer.close();
    assert.deepEqual(await drain(channel), range(3, 10));
    assert.ok(reported(context).includes("FLUME_DATABASE_LOST"));
    assert.equal(reported(context).at(-1), "over");
    await channel.stop();
    await proxy.close();
  });

  /** Puts and takes at full speed while `disturb` does its worst; then everything is counted. */
  async function underLoad(disturb: () => Promise<void>): Promise<void> {
    const { channel, context, name } = await open();
    const stopped = new AbortController();
    const acknowledged = new Set<number>();
    const refused = new Set<number>();
    const taken: number[] = [];
    let next = 0;
    const putter = async () => {
      while (!stopped.signal.aborted) {
        const first = next;
        next += 10;
        const numbers = range(first, first + 10);
        await put(channel, events(first, 10)).then(
          () => numbers.forEach((number) => acknowledged.add(number)),
          async (error: unknown) => {
            assert.ok(isHeadraceError(error), String(error));
            numbers.forEach((number) => refused.add(number));
            await new Promise((resolve) => setTimeout(resolve, 5));
          },
        );
      }
    };
    const taker = async () => {
      const consumer = channel.connect({ id: "taker", maxLeases: 1 });
      for (let i = 0; ; i++) {
        const take = await consumer.take({ events: 25, bytes: Number.POSITIVE_INFINITY }, stopped.signal);
        if (!take) return;
        if (i % 7 === 0) await take.rollback();
        else {
          await take.commit();
          taken.push(...numbersOf(take.batch));
        }
      }
    };
    const running = [putter(), putter(), putter(), taker()];
    await disturb();
    const before = acknowledged.size;
    await eventually(() => acknowledged.size > before + 100, { within: 40_000, what: "acknowledged puts afterwards" });
    stopped.abort();
    await Promise.all(running);
    await channel.stop();
    const again = await open({ channelName: name });
    taken.push(...(await drain(again.channel)));
    await again.channel.stop();
    const unique = new Set(taken);
    assert.equal(unique.size, taken.length, "given twice");
    assert.deepEqual(
      [...acknowledged].filter((number) => !unique.has(number)),
      [],
      "acknowledged and lost",
    );
    assert.deepEqual(
      taken.filter((number) => refused.has(number)),
      [],
      "refused, so that its sender brings it again, and kept",
    );
    assert.ok(
      reported(context).some((one) => one !== "over"),
      "nothing was disturbed",
    );
    assert.equal(reported(context).at(-1), "over");
  }

  const soon = () => new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 150));

  it("loses and repeats nothing while its connections are cut", () =>
    underLoad(async () => {
      for (let i = 0; i < 15; i++) {
        await soon();
        await cutConnections(server);
      }
    }));

  it("loses and repeats nothing when the server is killed and started again", () =>
    underLoad(async () => {
      for (let i = 0; i < 4; i++) {
        await soon();
        await server.kill();
        await server.start();
      }
    }));

  it("loses and repeats nothing when the server is restarted by its operator", () =>
    underLoad(async () => {
      for (let i = 0; i < 2; i++) {
        await soon();
        await server.stop();
        await server.start();
      }
    }));

  it("refuses puts at once while the server is gone, and says so; a stop does not wait for it", async () => {
    const { channel, context, name } = await open();
    await put(channel, events(0, 5));
    const consumer = channel.connect({ id: "taker", maxLeases: 1 });
    const take = await consumer.take({ events: 2, bytes: Number.POSITIVE_INFINITY }, NEVER);
    await server.kill();
    await eventually(() => reported(context).length > 0);
    assert.match(await refusal(put(channel, events(5, 5))), /^FLUME_DATABASE_(LOST|UNREACHABLE)$/);
    const committed = refusal(take?.commit() ?? Promise.resolve());
    const from = performance.now();
    await channel.stop();
    assert.ok(performance.now() - from < 10_000);
    assert.equal(await committed, "FLUME_STOPPED");
    await server.start();
    const again = await open({ channelName: name });
    assert.deepEqual(await drain(again.channel), range(0, 5));
    await again.channel.stop();
  });

  it("notices a server that hangs: asks it afterwards what became of a put, or refuses it", async () => {
    const timeouts = "socketTimeout=2&connectTimeout=2";
    const { channel, context, name } = await open({ url: `${server.url}?${timeouts}` });
    await put(channel, events(0, 5));
    await server.freeze();
    try {
      const waiting = refusal(put(channel, events(5, 5)));
      await eventually(() => reported(context).includes("FLUME_DATABASE_LOST"), { what: "that it is noticed" });
      assert.match(String(context.reports[0]), /has not answered within socketTimeout/);
      await server.thaw();
      assert.equal(await waiting, "accepted");
      await eventually(() => reported(context).at(-1) === "over");
      await server.freeze();
      const since = performance.now();
      assert.match(await refusal(put(channel, events(10, 5))), /^FLUME_DATABASE_(LOST|UNREACHABLE)$/);
      assert.ok(performance.now() - since < 40_000, "sooner than a minute");
      assert.match(await refusal(put(channel, events(15, 5))), /^FLUME_DATABASE_(LOST|UNREACHABLE)$/);
      await channel.stop();
    } finally {
      await server.thaw();
    }
    const again = await eventually(() => open({ channelName: name }), { within: 30_000, what: "the channel's lock" });
    const found = await drain(again.channel);
    // The last one was never sent; what was sent may be there, for its sender was told that this is not known.
    assert.deepEqual(found.slice(0, 10), range(0, 10));
    assert.ok(found.every((number) => number < 15));
    await again.channel.stop();
  });

  it("a stop does not wait for a table that is being counted", async () => {
    const { channel, name } = await open();
    await channel.stop();
    await withClient(server, async (other) => {
      await other.query({ text: `BEGIN; LOCK TABLE headrace_events_${name}` });
      const { channel: opening } = databaseChannel("nowhere", settingsOf(server, { channelName: name }));
      const started = refusal(opening.start());
      await eventually(async () => {
        const [blocked] = await ask(
          server,
          "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'headrace' AND wait_event_type = 'Lock'",
        );
        return blocked?.["n"] === 1;
      });
      await opening.stop();
      assert.notEqual(await started, "accepted");
    });
    const again = await open({ channelName: name });
    await again.channel.stop();
  });

  it("each transaction waits for the server's disk, whatever the database's own setting is, or none as it is told", async () => {
    await ask(server, `ALTER DATABASE ${DATABASE} SET synchronous_commit = off`);
    try {
      await ask(server, "CREATE TABLE commits (operation text, waits text)");
      await ask(
        server,
        `CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO commits VALUES (TG_OP, current_setting('synchronous_commit')); RETURN NULL; END $$`,
      );
      for (const [fsyncPerTransaction, waits] of [[true, "on"] as const, [false, "off"] as const]) {
        const { channel, name } = await open({ fsyncPerTransaction });
        await ask(server, "TRUNCATE commits");
        await ask(
          server,
          `CREATE TRIGGER noted AFTER INSERT OR DELETE ON headrace_events_${name}
           FOR EACH STATEMENT EXECUTE FUNCTION note_commit()`,
        );
        await put(channel, events(0, 3));
        assert.deepEqual(await drain(channel), range(0, 3));
        assert.deepEqual(await ask(server, "SELECT DISTINCT operation, waits FROM commits ORDER BY operation"), [
          { operation: "DELETE", waits },
          { operation: "INSERT", waits },
        ]);
        await channel.stop();
      }
    } finally {
      await ask(server, `ALTER DATABASE ${DATABASE} RESET synchronous_commit`);
    }
  });

  it("works without waiting for the server's disk where it is told to", async () => {
    const { channel } = await open({ fsyncPerTransaction: false });
    await put(channel, events(0, 100));
    assert.deepEqual(await drain(channel), range(0, 100));
    await channel.stop();
  });
});
