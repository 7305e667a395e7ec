import type { DatabaseSync } from "node:sqlite";
import { createClient, type PgClient } from "../../../../nodes/channels/database/postgresql/client.js";
import { DATABASE, type PostgresqlServer } from "../../../counterparts/postgresql/server.js";

/** Why there is no SQLite in this Node.js; undefined where there is. */
export async function sqliteUnavailable(): Promise<string | undefined> {
  const there = process.getBuiltinModule("node:module").isBuiltin("node:sqlite");
  return there ? undefined : `Node.js ${process.version} has no SQLite`;
}

/** Another program at the same file. */
export function otherProgram(file: string): DatabaseSync {
  return new (process.getBuiltinModule("node:sqlite").DatabaseSync)(file);
}

/** Another program at the same server. */
export async function withClient<T>(server: PostgresqlServer, work: (client: PgClient) => Promise<T>): Promise<T> {
  const client = await createClient({
    host: "127.0.0.1",
    port: server.port,
    database: DATABASE,
    user: server.user,
    password: server.password ?? "",
    ssl: false,
    application_name: "test",
    connectionTimeoutMillis: 10_000,
    query_timeout: 30_000,
    keepAlive: false,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export async function ask(server: PostgresqlServer, text: string): Promise<readonly Record<string, unknown>[]> {
  return await withClient(server, async (client) => (await client.query({ text })).rows);
}

/** Every connection of a channel is cut by the server, whatever it is doing. */
export async function cutConnections(server: PostgresqlServer): Promise<void> {
  await ask(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headrace'");
}
