import type { ChannelComponent, ComponentContext } from "../../../lib/engine/component.js";
import { Counters } from "../../../lib/engine/counters.js";
import { number } from "../../../lib/engine/properties.js";
import { settingsOf, storageProperties } from "../file/component.js";
import { FileChannel } from "../file/file-channel.js";
import { SpillableChannel } from "./spillable-channel.js";

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
  create(config, context) {
    const { overflowCapacity, overflowTimeout } = config;
    const overflow =
      overflowCapacity > 0
        ? new FileChannel(
            settingsOf({ ...config, capacity: overflowCapacity, keepAlive: overflowTimeout }, context.storage),
            // Events are counted once, by the channel that people see.
            withCounters(context, new Counters()),
          )
        : undefined;
    return new SpillableChannel(context.id, config, context.counters, overflow);
  },
};

function withCounters(context: ComponentContext, counters: Counters): ComponentContext {
  const { id, shared, storage, log } = context;
  return { id, name: context.name, shared, storage, log, counters, report: (error) => context.report(error) };
}
