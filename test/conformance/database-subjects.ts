import { component } from "../../nodes/channels/database/component.js";
import { postgresqlUnavailable, type PostgresqlServer, startPostgresql } from "../counterparts/postgresql/server.js";
import { sqliteUnavailable } from "../channels/database/support/sql.js";
import type { ChannelFactory } from "./channel/channel-bench.js";
import { channelFactory } from "./make-subjects.js";

/** An event may have to come back from another thread or from a server first. */
const PATIENCE = 80;

export async function sqliteChannelFactory(): Promise<ChannelFactory> {
  return { ...(await channelFactory(component, () => ({ minimumRequiredSpace: 0 }))), patience: PATIENCE };
}

export { postgresqlUnavailable, sqliteUnavailable };

let shared: Promise<PostgresqlServer> | undefined;
let made = 0;

/** Each channel has a table of its own on one server. */
export async function postgresqlChannelFactory(): Promise<ChannelFactory> {
  shared ??= startPostgresql();
  const { url, user } = await shared;
  const settings = () => ({ dbType: "POSTGRESQL", url, username: user, channelName: `conformance ${++made}` });
  return { ...(await channelFactory(component, settings)), patience: PATIENCE };
}

export async function stopSharedPostgresql(this: Mocha.Context): Promise<void> {
  this.timeout(30_000);
  await (await shared)?.remove();
  shared = undefined;
}
