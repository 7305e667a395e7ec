import type { ChannelComponent } from "../../../lib/engine/component.js";
import { number } from "../../../lib/engine/properties.js";
import { MemoryChannel } from "./memory-channel.js";

const properties = {
  capacity: number(100, { flumeKey: "capacity", min: 1, max: 100_000_000, unit: "events" }),
  transactionCapacity: number(100, { flumeKey: "transactionCapacity", min: 1, max: 100_000_000, unit: "events" }),
  keepAlive: number(3, { flumeKey: "keep-alive", max: 86_400, unit: "s" }),
  byteCapacity: number(0, { flumeKey: "byteCapacity", unit: "bytes", advanced: true }),
  byteCapacityBufferPercentage: number(20, {
    flumeKey: "byteCapacityBufferPercentage",
    max: 99,
    unit: "%",
    advanced: true,
  }),
};

export const component: ChannelComponent<typeof properties> = {
  type: "flume-memory-channel",
  role: "channel",
  flumeType: "memory",
  properties,
  limits: [{ property: "transactionCapacity", atMost: "capacity" }],
  icon: "flume-memory-channel.svg",
  outputs: 1,
  durability: "none",
  create: (config, { id, counters }) => new MemoryChannel(id, config, counters),
  reconfigure(channel, config) {
    if (!(channel instanceof MemoryChannel)) return false;
    channel.resize(config);
    return true;
  },
};
