import type { ChannelComponent, ComponentContext } from "../../../lib/engine/component.js";
import { Counters } from "../../../lib/engine/counters.js";
import { number } from "../../../lib/engine/properties.js";
import { settingsOf, storageApart, storageProperties } from "../file/component.js";
import { FileChannel } from "../file/file-channel.js";
import { type Overflow, SpillableChannel } from "./spillable-channel.js";

const properties = {
  memoryCapacity: number(10_000, { flumeKey: "memoryCapacity", max: 100_000_000, unit: "events" }),
  overflowCapacity: number(100_000_000, { flumeKey: "overflowCapacity", max: 1_000_000_000, unit: "events" }),
  overflowTimeout: number(3, { flumeKey: "overflowTimeout", max: 86_400, unit: "s" }),
  byteCapacity: number(0, { flumeKey: "byteCapacity", unit: "bytes", advanced: true }),
  byteCapacityBufferPercentage: number(20, {
    flumeKey: "byteCapacityBufferPercentage",
    max: 99,
    unit: "%",
    advanced: true,
  }),
  /** Without effect: bytes are counted as they are. */
  avgEventSize: number(500, { flumeKey: "avgEventSize", min: 1, unit: "bytes", advanced: true }),
  /** Without effect: memory is used again once the overflow is empty, which keeps the order. */
  overflowDeactivationThreshold: number(5, {
    flumeKey: "overflowDeactivationThreshold",
    max: 100,
    unit: "%",
    advanced: true,
  }),
  ...storageProperties,
};

export const component: ChannelComponent<typeof properties> = {
  type: "flume-spillable-channel",
  role: "channel",
  flumeType: "SPILLABLEMEMORY",
  properties,
  limits: [{ property: "memoryCapacity", orElse: "overflowCapacity" }],
  apart: storageApart,
  icon: "flume-spillable-channel.svg",
  outputs: 1,
  durability: {
    promises: "partial",
    unless: [
      { when: { overflowCapacity: 0 }, promises: "none" },
      { when: { memoryCapacity: 0, fsyncPerTransaction: false }, promises: "process-crash" },
      { when: { memoryCapacity: 0 }, promises: "power-loss" },
    ],
  },
  create: (config, context) =>
    new SpillableChannel(context.id, config, context.counters, overflowOf(config, withOwnCounters(context))),
  reconfigure(channel, config, context) {
    if (!(channel instanceof SpillableChannel)) return false;
    channel.reconfigure(config, overflowKey(config), () => overflowOf(config, withOwnCounters(context)));
    return true;
  },
};

type SpillableConfig = Parameters<typeof component.create>[0];

/** Tells whether the part on the disk can go on as it is; undefined when there is to be none. */
function overflowKey(config: SpillableConfig): string | undefined {
  const ofMemory = { memoryCapacity: 0, byteCapacity: 0, byteCapacityBufferPercentage: 0 };
  return config.overflowCapacity > 0 ? JSON.stringify({ ...config, ...ofMemory }) : undefined;
}

function overflowOf(config: SpillableConfig, context: ComponentContext): Overflow | undefined {
  const key = overflowKey(config);
  if (key === undefined) return undefined;
  const { overflowCapacity, overflowTimeout } = config;
  const settings = settingsOf({ ...config, capacity: overflowCapacity, keepAlive: overflowTimeout }, context.storage);
  return { channel: new FileChannel(settings, context), key };
}

/** Events are counted once, by the channel that people see. */
function withOwnCounters(context: ComponentContext): ComponentContext {
  const { id, shared, storage, log } = context;
  const report = (error?: unknown) => context.report(error);
  return { id, name: context.name, shared, storage, log, counters: new Counters(), report };
}
