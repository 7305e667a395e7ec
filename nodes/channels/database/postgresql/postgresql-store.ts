import { createHash } from "node:crypto";
import type { ConnectionOptions } from "node:tls";
import { Backoff, sleep, within } from "../../../../lib/engine/backoff.js";
import { DeliveryError, HeadraceError } from "../../../../lib/engine/errors.js";
import type { ServerAddress } from "../driver-url.js";
import type { PackedRows } from "../packed-events.js";
import { type EventStore, type Group, type Held, type IdRange, SCHEMA_VERSION } from "../store.js";
import { createClient, type PgClient, type PgQuery } from "./client.js";
import { explain, isLoss } from "./explain-error.js";
import { eventTableSql, readStatement, rowsOf, TABLES, writeStatement } from "./statements.js";

/** Milliseconds between attempts to connect again. */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 3000;
/** Milliseconds that a transaction waits for a lost connection: then its senders are told. */
const PATIENCE = 15_000;
/** Milliseconds that looking at a table may take at the start: its rows are counted. */
const OPENING_LIMIT = 3_600_000;
/** Bytes for which a transaction may take a second longer: the way to the server may be a slow one. */
const SLOW_WAY = 1024 * 1024;
/** Milliseconds that a new connection waits for the old one of a killed process to let go of the channel. */
const LOCK_WAIT = 3000;
const LOCK_AGAIN = 50;
const END_WAIT = 2000;
/** The first of the two numbers of our advisory locks. */
const LOCK_CLASS = 0x48445243;
/** The second while tables are made. */
const MAKING_TABLES = 0;

export interface PostgresqlStoreSettings {
  readonly address: ServerAddress;
  readonly user: string;
  readonly password: string;
  readonly tls: ConnectionOptions | undefined;
  readonly channel: string;
  readonly table: string;
  readonly createSchema: boolean;
  /** Every transaction waits for the server's disk. */
  readonly sync: boolean;
}

/** A connection that owns the channel. */
interface Session {
  readonly client: PgClient;
  readonly asciiOnly: boolean;
}

/** A table on a PostgreSQL server. One connection; the server lets go of the channel when that ends. */
export class PostgresqlStore implements EventStore {
  readonly name: string;
  readonly #settings: PostgresqlStoreSettings;
  readonly #report: (error?: unknown) => void;
  #session: Session | undefined;
  #reconnecting: Promise<void> | undefined;
  #trouble: HeadraceError | undefined;
  readonly #closing = new AbortController();
  /** Of the server's process that served us last: it may still hold the channel. */
  #lastProcess: number | undefined;
  #given = 0;

  /** `report`: the connection is lost, or there again. */
  constructor(settings: PostgresqlStoreSettings, report: (error?: unknown) => void) {
    const { host, port, database } = settings.address;
    this.name = `${host}:${port}/${database}`;
    this.#settings = settings;
    this.#report = report;
  }

  get trouble(): HeadraceError | undefined {
    return this.#trouble;
  }

  async open(): Promise<Held> {
    const session = await this.#connect();
    // Who does not want it any more does not wait for a table to be counted.
    const giveUp = () => session.client.connection.stream.destroy();
    this.#closing.signal.addEventListener("abort", giveUp);
    if (this.#closing.signal.aborted) giveUp();
    try {
      await this.#makeTables(session);
      const held = await this.#held(session);
      this.#given = held.next - 1;
      this.#adopt(session);
      return held;
    } catch (error) {
      await end(session.client);
      throw this.#explain(error, false);
    } finally {
      this.#closing.signal.removeEventListener("abort", giveUp);
    }
  }

  async write(group: Group): Promise<void> {
    const [first] = group.puts;
    for (const { first: from, batch } of group.puts) this.#given = Math.max(this.#given, from + batch.length - 1);
    const until = performance.now() + PATIENCE;
    for (let sent = false; ; ) {
      const session = await this.#sessionUntil(until, sent ? "unknown" : "none");
      const statement = {
        ...writeStatement(this.#settings.table, group, this.#given, session.asciiOnly),
        query_timeout: this.#settings.address.socketTimeout + (group.events.bodies.length / SLOW_WAY) * 1000,
      };
      try {
        // The old connection has ended, or the channel would not be ours: the answer is final.
        if (sent && first && (await this.#isThere(session, first.first))) return;
        sent = group.puts.length > 0;
        await session.client.query(statement);
        return;
      } catch (error) {
        if (!isLoss(error)) throw this.#explain(error, false);
        this.#lost(session, error);
        if (performance.now() > until) throw withOutcome(this.#explain(error, false), sent);
      }
    }
  }

  async read(range: IdRange, bytes: number): Promise<PackedRows> {
    const session = await this.#sessionUntil(performance.now() + PATIENCE, "none");
    try {
      const { rows } = await session.client.query(readStatement(this.#settings.table, range, bytes));
      return rowsOf(rows[0]);
    } catch (error) {
      if (isLoss(error)) this.#lost(session, error);
      throw this.#explain(error, false);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#reconnecting;
    const session = this.#session;
    this.#session = undefined;
    if (session) await end(session.client);
  }

  async #sessionUntil(until: number, outcome: "none" | "unknown"): Promise<Session> {
    while (!this.#session) {
      const left = until - performance.now();
      if (this.#closing.signal.aborted) throw new DeliveryError("FLUME_STOPPED", { outcome });
      if (!this.#reconnecting || left <= 0 || !(await within(left, this.#reconnecting))) {
        throw withOutcome(this.#trouble ?? new HeadraceError("FLUME_STOPPED"), outcome === "unknown");
      }
    }
    return this.#session;
  }

  async #isThere({ client }: Session, id: number): Promise<boolean> {
    const { rows } = await client.query({
      text: `SELECT 1 FROM "${this.#settings.table}" WHERE id = $1`,
      values: [id],
    });
    return rows.length > 0;
  }

  #adopt(session: Session): void {
    this.#session = session;
    session.client.on("end", () => this.#lost(session, new Error("the server has closed the connection")));
  }

  #lost(session: Session, error: unknown): void {
    session.client.connection.stream.destroy();
    if (this.#session !== session) return;
    this.#session = undefined;
    if (this.#closing.signal.aborted) return;
    this.#inTrouble(this.#explain(error, false));
    this.#reconnecting ??= this.#reconnect().finally(() => (this.#reconnecting = undefined));
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT);
    while (!signal.aborted) {
      await sleep(backoff.next(), signal);
      if (signal.aborted) return;
      try {
        const session = await this.#connect();
        this.#trouble = undefined;
        this.#adopt(session);
        this.#report();
        return;
      } catch (error) {
        this.#inTrouble(this.#explain(error, true));
      }
    }
  }

  #inTrouble(error: HeadraceError): void {
    this.#trouble = error;
    this.#report(error);
  }

  #explain(error: unknown, connecting: boolean): HeadraceError {
    return explain(error, { database: this.name, user: this.#settings.user }, connecting);
  }

  /** A connection that owns the channel. */
  async #connect(): Promise<Session> {
    const { address, user, password, tls } = this.#settings;
    const client = await createClient({
      host: address.host,
      port: address.port,
      database: address.database,
      user,
      password,
      ssl: tls ?? false,
      application_name: address.applicationName,
      connectionTimeoutMillis: address.connectTimeout,
      query_timeout: address.socketTimeout,
      keepAlive: true,
    });
    // An error without a listener would end the process. What happens is seen by who asks, or by the end.
    client.on("error", () => undefined);
    try {
      await client.connect();
      const asciiOnly = await this.#prepare(client);
      await this.#own(client);
      this.#lastProcess = client.processID ?? undefined;
      return { client, asciiOnly };
    } catch (error) {
      await end(client);
      throw this.#explain(error, true);
    }
  }

  async #prepare(client: PgClient): Promise<boolean> {
    const { address, sync } = this.#settings;
    const one = async (text: string) => Object.values((await client.query({ text })).rows[0] ?? {})[0];
    if (address.schema !== "")
      await client.query({ text: `SET search_path = "${address.schema.replace(/"/g, '""')}"` });
    const commits = await one("SHOW synchronous_commit");
    if (!sync) await client.query({ text: "SET synchronous_commit = off" });
    else if (commits === "off") await client.query({ text: "SET synchronous_commit = on" });
    // A server that does not hear of us any more must not keep the channel for hours.
    await client.query({ text: "SET tcp_keepalives_idle = 20" });
    await client.query({ text: "SET tcp_keepalives_interval = 5" });
    await client.query({ text: "SET tcp_keepalives_count = 3" });
    // The table may be full a moment after the planner has seen it empty.
    await client.query({ text: "SET enable_seqscan = off" });
    return (await one("SHOW server_encoding")) !== "UTF8";
  }

  /** The lock of a connection that has ended is free, but the server may need a moment to notice. */
  async #own(client: PgClient): Promise<void> {
    const schema = Object.values((await client.query({ text: "SELECT current_schema()" })).rows[0] ?? {})[0];
    if (typeof schema !== "string") {
      throw Object.assign(new Error("there is no schema to put the tables into"), { code: "3F000", severity: "ERROR" });
    }
    const key = createHash("sha256").update(`${schema}.${this.#settings.table}`).digest().readInt32BE(0) || 1;
    const until = performance.now() + LOCK_WAIT;
    for (;;) {
      const lock: PgQuery = { text: "SELECT pg_try_advisory_lock($1, $2) AS ours", values: [LOCK_CLASS, key] };
      const { rows } = await client.query(lock);
      if (rows[0]?.["ours"] === true) return;
      if (performance.now() > until || this.#closing.signal.aborted) {
        throw new HeadraceError("FLUME_DATABASE_IN_USE", { database: this.name, channel: this.#settings.channel });
      }
      if (this.#lastProcess !== undefined) {
        await client.query({
          text: `SELECT pg_terminate_backend(pid) FROM pg_locks
                 WHERE locktype = 'advisory' AND classid = $1 AND objid = $2::bigint::oid AND pid = $3`,
          values: [LOCK_CLASS, key >>> 0, this.#lastProcess],
        });
      }
      await sleep(LOCK_AGAIN, this.#closing.signal);
    }
  }

  async #makeTables({ client }: Session): Promise<void> {
    const { channel, table, createSchema } = this.#settings;
    const there = async (name: string) => {
      const { rows } = await client.query({
        text: "SELECT to_regclass($1) IS NOT NULL AS there",
        values: [`"${name}"`],
      });
      return rows[0]?.["there"] === true;
    };
    if (await there("headrace_schema")) {
      const { rows } = await client.query({ text: "SELECT max(version) AS version FROM headrace_schema" });
      const version = Number(rows[0]?.["version"] ?? 0);
      if (version > SCHEMA_VERSION) throw new HeadraceError("FLUME_DATABASE_NEWER", { database: this.name, version });
    }
    if ((await there("headrace_channels")) && (await there(table))) {
      const { rows } = await client.query({
        text: "SELECT 1 FROM headrace_channels WHERE name = $1 AND event_table = $2",
        values: [channel, table],
      });
      if (rows.length > 0) return;
    }
    if (!createSchema) throw new HeadraceError("FLUME_DATABASE_NO_TABLES", { database: this.name, channel });
    await client.query({ text: "BEGIN" });
    // Two that start at once would both find nothing.
    await client.query({ text: "SELECT pg_advisory_xact_lock($1, $2)", values: [LOCK_CLASS, MAKING_TABLES] });
    await client.query({ text: TABLES + eventTableSql(table) });
    await client.query({
      text: "INSERT INTO headrace_schema (version) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM headrace_schema)",
      values: [SCHEMA_VERSION],
    });
    await client.query({
      text: `INSERT INTO headrace_channels (name, event_table) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET event_table = excluded.event_table`,
      values: [channel, table],
    });
    await client.query({ text: "COMMIT" });
  }

  async #held({ client }: Session): Promise<Held> {
    const { table } = this.#settings;
    const { rows } = await client.query({
      text: `SELECT count(*) AS events, coalesce(min(id), 0) AS first, coalesce(max(id), 0) AS last FROM "${table}"`,
      query_timeout: OPENING_LIMIT,
    });
    const { events, first, last } = rows[0] as { events: string; first: string; last: string };
    const sequence = await client.query({
      text: `SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('"${table}"', 'id')::regclass), 0) AS given`,
    });
    const given = Number(sequence.rows[0]?.["given"] ?? 0);
    const next = Math.max(Number(last), given) + 1;
    return { events: Number(events), first: Number(events) > 0 ? Number(first) : next, next };
  }
}

function withOutcome({ code, parameters, cause }: HeadraceError, unknown: boolean): DeliveryError {
  return new DeliveryError(code, { outcome: unknown ? "unknown" : "none", parameters, cause });
}

async function end(client: PgClient): Promise<void> {
  const ended = client.end().catch(() => undefined);
  await within(END_WAIT, ended);
  client.connection.stream.destroy();
}
