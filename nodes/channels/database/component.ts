import { join } from "node:path";
import type { ChannelComponent, ComponentContext } from "../../../lib/engine/component.js";
import { boolean, choice, type ConfigOf, number, rows, text } from "../../../lib/engine/properties.js";
import { DatabaseChannel } from "./database-channel.js";
import { sqliteFile } from "./driver-url.js";
import { checkOtherProperties } from "./flume-properties.js";
import { SqliteStore } from "./sqlite/sqlite-store.js";
import type { EventStore } from "./store.js";
import { eventTable } from "./table-name.js";

const properties = {
  dbType: choice(["SQLITE"], "SQLITE", { flumeKey: "db.type" }),
  url: text("", { flumeKey: "driver.url" }),
  channelName: text(""),
  capacity: number(0, { flumeKey: "maximum.capacity", max: 1_000_000_000_000, unit: "events" }),
  transactionCapacity: number(10_000, { min: 1, max: 1_000_000, unit: "events" }),
  keepAlive: number(3, { max: 86_400, unit: "s" }),
  minimumRequiredSpace: number(524_288_000, { unit: "bytes" }),
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

function createStore(config: DatabaseChannelConfig, { id, storage, log }: ComponentContext): EventStore {
  checkOtherProperties(config.otherProperties);
  const channel = config.channelName.trim() || id;
  const common = { channel, table: eventTable(channel), createSchema: config.createSchema };
  return new SqliteStore(
    {
      ...common,
      file: sqliteFile(config.url, join(storage, "channel.db")),
      sync: config.fsyncPerTransaction,
      syncInterval: config.fsyncInterval * 1000,
      minimumFree: config.minimumRequiredSpace,
    },
    log,
  );
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
