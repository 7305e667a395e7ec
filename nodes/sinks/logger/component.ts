import type { SinkComponent } from "../../../lib/engine/component.js";
import { boolean, number } from "../../../lib/engine/properties.js";
import { LoggerSink } from "./logger-sink.js";

const properties = {
  maxBytesToLog: number(16, { flumeKey: "maxBytesToLog", min: 0, max: 1024 * 1024, unit: "bytes" }),
  toDebug: boolean(false),
};

export const component: SinkComponent<typeof properties> = {
  type: "flume-logger-sink",
  role: "sink",
  flumeType: "logger",
  properties,
  icon: "flume-logger-sink.svg",
  outputs: 0,
  guarantee: "at-least-once",
  create: (config, context) => new LoggerSink(config, context),
};
