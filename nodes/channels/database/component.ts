import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";
import type { ChannelComponent, ComponentContext } from "../../../lib/engine/component.js";
import {
  boolean,
  choice,
  type ConfigOf,
  configNode,
  number,
  rows,
  secret,
  text,
} from "../../../lib/engine/properties.js";
import { DatabaseChannel } from "./database-channel.js";
import { serverAddress, sqliteFile } from "./driver-url.js";
import { checkOtherProperties } from "./flume-properties.js";
import { PostgresqlStore } from "./postgresql/postgresql-store.js";
import { SqliteStore } from "./sqlite/sqlite-store.js";
import type { EventStore } from "./store.js";
import { eventTable } from "./table-name.js";

const ON_SERVER = { property: "dbType", is: ["POSTGRESQL"] };
const IN_FILE = { property: "dbType", is: ["SQLITE"] };

const properties = {
  dbType: choice(["SQLITE", "POSTGRESQL"], "SQLITE", { flumeKey: "db.type" }),
  url: text("", { flumeKey: "driver.url" }),
  username: text("", { flumeKey: "db.username", shownWhen: ON_SERVER }),
  password: secret({ flumeKey: "db.password", shownWhen: ON_SERVER }),
  useTls: boolean(false, { shownWhen: ON_SERVER }),
  tls: configNode("tls-config", { shownWhen: { property: "useTls", is: [true] } }),
  channelName: text(""),
  capacity: number(0, { flumeKey: "maximum.capacity", max: 1_000_000_000_000, unit: "events" }),
  transactionCapacity: number(10_000, { min: 1, max: 1_000_000, unit: "events" }),
  keepAlive: number(3, { max: 86_400, unit: "s" }),
  minimumRequiredSpace: number(524_288_000, { unit: "bytes", shownWhen: IN_FILE }),
  fsyncPerTransaction: boolean(true),
  fsyncInterval: number(5, {
    min: 1,
    max: 3600,
    unit: "s",
    shownWhen: { property: "fsyncPerTransaction", is: [false] },
  }),
  createSchema: boolean(true, { flumeKey: "create.schema", advanced: true }),
  otherProperties: rows({ property: text("", { required: true }), value: text("") }, [], { advanced: true }),
};

type DatabaseChannelConfig = ConfigOf<typeof properties>;

function createStore(config: DatabaseChannelConfig, context: ComponentContext): EventStore {
  const { id, storage, log } = context;
  checkOtherProperties(config.otherProperties);
  const channel = config.channelName.trim() || id;
  const sync = config.fsyncPerTransaction;
  const common = { channel, table: eventTable(channel), createSchema: config.createSchema, sync };
  if (config.dbType === "SQLITE") {
    const file = sqliteFile(config.url, join(storage, "channel.db"));
    const { minimumRequiredSpace: minimumFree, fsyncInterval } = config;
    return new SqliteStore({ ...common, file, syncInterval: fsyncInterval * 1000, minimumFree }, log);
  }
  const address = serverAddress(config.url);
  const tls = config.useTls || address.tls ? tlsOptions(context) : undefined;
  const { username: user, password } = config;
  return new PostgresqlStore({ ...common, address, user, password, tls }, (error) => context.report(error));
}

function tlsOptions({ shared }: ComponentContext): ConnectionOptions {
  return { minVersion: "TLSv1.2", ...(shared["tls"]?.config as ConnectionOptions | undefined) };
}

export const component: ChannelComponent<typeof properties> = {
  type: "flume-database-channel",
  role: "channel",
  flumeType: "jdbc",
  properties,
  icon: "flume-database-channel.svg",
  outputs: 1,
  durability: {
    promises: "power-loss",
    unless: [{ when: { fsyncPerTransaction: false }, promises: "process-crash" }],
  },
  create: (config, context) => new DatabaseChannel(config, context, () => createStore(config, context)),
};
