import type { SourceComponent } from "../../../lib/engine/component.js";
import { pollingProperties } from "../../../lib/engine/polling.js";
import { number } from "../../../lib/engine/properties.js";
import { SeqSource } from "./seq-source.js";

const properties = {
  batchSize: number(1, { flumeKey: "batchSize", min: 1, max: 1_000_000, unit: "events" }),
  /** 0: no end, where Flume has the largest long. */
  totalEvents: number(0, { flumeKey: "totalEvents", unit: "events" }),
  ...pollingProperties,
};

export const component: SourceComponent<typeof properties> = {
  type: "flume-seq-source",
  role: "source",
  flumeType: "seq",
  properties,
  icon: "flume-seq-source.svg",
  outputs: 1,
  guarantee: "at-least-once",
  create: (config, context) => new SeqSource(config, context),
  batchSize: (config) => config.batchSize,
};
