import { resolve } from "node:path";
import { withoutLogin } from "../../../lib/engine/addresses.js";
import { HeadraceError, reasonOf } from "../../../lib/engine/errors.js";

/** Where a PostgreSQL database is. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** The schema that the tables are in; empty: the user's own search path. */
  readonly schema: string;
  readonly applicationName: string;
  /** Milliseconds. */
  readonly connectTimeout: number;
  /** Milliseconds within which the server answers a transaction. */
  readonly socketTimeout: number;
  readonly tls: boolean;
}

const POSTGRESQL_PORT = 5432;
const DEFAULT_TIMEOUT = 10_000;

/** The SQLite file that `driver.url` names: a path, or with jdbc:sqlite: before it; `whenEmpty` where it is empty. */
export function sqliteFile(url: string, whenEmpty: string): string {
  const path = url.trim().replace(/^(jdbc:)?(sqlite|file):/i, "");
  const other = /^(?:jdbc:)?([a-z]{2,}):/i.exec(path)?.[1];
  if (other !== undefined) throw wrong(url, `${other} is not SQLite; choose the database type that fits`);
  if (path === ":memory:" || /[?#]/.test(path)) throw wrong(url, "give the path of a file, without options");
  return path === "" ? whenEmpty : resolve(path);
}

/** What `driver.url` says, in the form of PostgreSQL's JDBC driver: jdbc:postgresql://host:port/database?property=value */
export function serverAddress(url: string): ServerAddress {
  const text = url.trim().replace(/^jdbc:/i, "");
  const scheme = /^([a-z]+):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== "postgresql" && scheme !== "postgres") {
    throw wrong(url, "write jdbc:postgresql://host:port/database");
  }
  let parsed: URL;
  try {
    parsed = new URL(text);
  } catch (error) {
    const several = /,/.test(text) ? "one host only" : reasonOf(error);
    throw wrong(url, several);
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw wrong(url, "user and password have fields of their own, so that they are not exported");
  }
  const database = decodeURIComponent(parsed.pathname.slice(1));
  if (parsed.hostname === "" || database === "" || database.includes("/")) {
    throw wrong(url, "write jdbc:postgresql://host:port/database");
  }
  const properties = readProperties(url, parsed.searchParams);
  return {
    host: decodeURIComponent(parsed.hostname).replace(/^\[|\]$/g, ""),
    port: parsed.port === "" ? POSTGRESQL_PORT : Number(parsed.port),
    database,
    schema: properties["currentSchema"] ?? "",
    applicationName: properties["ApplicationName"] ?? "headrace",
    connectTimeout: secondsOf(url, "connectTimeout", properties) ?? DEFAULT_TIMEOUT,
    socketTimeout: secondsOf(url, "socketTimeout", properties) ?? DEFAULT_TIMEOUT,
    tls: properties["ssl"] === "true" || /^(require|verify-ca|verify-full)$/.test(properties["sslmode"] ?? ""),
  };
}

const KNOWN = ["currentSchema", "ApplicationName", "connectTimeout", "socketTimeout", "ssl", "sslmode"];
/** Of the driver for Java, and without meaning here. */
const WITHOUT_EFFECT = ["tcpKeepAlive", "prepareThreshold", "reWriteBatchedInserts", "loggerLevel", "loginTimeout"];

function readProperties(url: string, given: URLSearchParams): Record<string, string> {
  const properties: Record<string, string> = {};
  for (const [name, value] of given) {
    if (name === "user" || name === "password") {
      throw wrong(url, "user and password have fields of their own, so that they are not exported");
    }
    if (WITHOUT_EFFECT.includes(name)) continue;
    if (!KNOWN.includes(name)) throw wrong(url, `the property ${name} has no equal here`);
    properties[name] = value;
  }
  return properties;
}

function secondsOf(url: string, name: string, properties: Readonly<Record<string, string>>): number | undefined {
  const value = properties[name];
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 3600) {
    throw wrong(url, `${name} must be a number of seconds from 1 to 3600`);
  }
  return seconds * 1000;
}

function wrong(url: string, reason: string): HeadraceError {
  return new HeadraceError("FLUME_DATABASE_URL", { url: withoutLogin(url), reason });
}
