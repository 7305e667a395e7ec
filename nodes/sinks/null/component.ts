import type { SinkComponent } from "../../../lib/engine/component.js";
import { number } from "../../../lib/engine/properties.js";
import { NullSink } from "./null-sink.js";

const properties = {
  batchSize: number(100, { flumeKey: "batchSize", min: 1, max: 1_000_000, unit: "events" }),
  /** 0: never. */
  logEveryNEvents: number(10_000, { flumeKey: "logEveryNEvents", unit: "events", advanced: true }),
};

export const component: SinkComponent<typeof properties> = {
  type: "flume-null-sink",
  role: "sink",
  flumeType: "null",
  properties,
  icon: "flume-null-sink.svg",
  outputs: 0,
  create: (config, context) => new NullSink(config, context),
};
