import type { ConnectionOptions } from "node:tls";
import { HeadraceError, reasonOf } from "../../../../lib/engine/errors.js";

/** The part of the npm package `pg` that is used. */
export interface PgClient {
  connect(): Promise<void>;
  query(query: PgQuery): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): void;
  on(event: "end", listener: () => void): void;
  /** Of the server's process that serves this connection. */
  readonly processID: number | null;
  readonly connection: { readonly stream: { destroy(): void } };
}

export interface PgQuery {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Of the prepared statement. */
  readonly name?: string;
  /** Milliseconds, where it is not the connection's. */
  readonly query_timeout?: number;
}

export interface PgConfig {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly ssl: ConnectionOptions | false;
  readonly application_name: string;
  readonly connectionTimeoutMillis: number;
  /** Milliseconds that a statement may take. */
  readonly query_timeout: number;
  readonly keepAlive: boolean;
}

interface PgPackage {
  readonly Client: new (config: PgConfig) => PgClient;
}

/** Rejects with FLUME_DATABASE_NO_PG when the package is not installed. */
export async function createClient(config: PgConfig): Promise<PgClient> {
  // Not a literal: it is optional, and types and bundlers must not look for it.
  const name = "pg";
  let loaded: PgPackage & { readonly default?: PgPackage };
  try {
    loaded = (await import(name)) as typeof loaded;
  } catch (error) {
    throw new HeadraceError("FLUME_DATABASE_NO_PG", { reason: reasonOf(error) }, error);
  }
  return new (loaded.default ?? loaded).Client(config);
}
