import type { SourceComponent } from "../../../lib/engine/component.js";
import { pollingProperties } from "../../../lib/engine/polling.js";
import { number } from "../../../lib/engine/properties.js";
import { StressSource } from "./stress-source.js";

const properties = {
  size: number(500, { flumeKey: "size", max: 104_857_600, unit: "bytes" }),
  batchSize: number(1, { flumeKey: "batchSize", min: 1, max: 1_000_000, unit: "events" }),
  /** Delivered or refused; -1: no end. */
  maxTotalEvents: number(-1, { flumeKey: "maxTotalEvents", min: -1, unit: "events" }),
  maxSuccessfulEvents: number(-1, { flumeKey: "maxSuccessfulEvents", min: -1, unit: "events" }),
  /** 0: as fast as the channel takes them. */
  maxEventsPerSecond: number(0, { flumeKey: "maxEventsPerSecond", max: 1_000_000_000, unit: "events/s" }),
  maxInFlight: number(4, { min: 1, max: 1000, advanced: true }),
  ...pollingProperties,
};

export const component: SourceComponent<typeof properties> = {
  type: "flume-stress-source",
  role: "source",
  flumeType: "org.apache.flume.source.StressSource",
  properties,
  icon: "flume-stress-source.svg",
  outputs: 1,
  guarantee: "best-effort",
  create: (config, context) => new StressSource(config, context),
  batchSize: (config) => config.batchSize,
};
