import type { SinkComponent } from "../../../lib/engine/component.js";
import { boolean, choice, configNode, number, text } from "../../../lib/engine/properties.js";
import { LogHubSink } from "./loghub-sink.js";

const SIMPLE = { shownWhen: { property: "serializer", is: ["SIMPLE"] } };
const DELIMITED = { shownWhen: { property: "serializer", is: ["DELIMITED"] } };
const REGEX = { shownWhen: { property: "serializer", is: ["REGEX"] } };
const WITH_TIME_FIELD = { shownWhen: { property: "serializer", is: ["JSON", "REGEX"] } };

const properties = {
  project: configNode("flume-loghub-project", { flumeKey: "endpoint", required: true }),
  logstore: text("", { flumeKey: "logstore", required: true }),
  serializer: choice(["SIMPLE", "DELIMITED", "JSON", "REGEX"], "SIMPLE", { flumeKey: "serializer" }),
  fieldName: text("body", { flumeKey: "fieldName", required: true, ...SIMPLE }),
  encoding: text("UTF-8", { flumeKey: "encoding", required: true, format: "charset", advanced: true, ...SIMPLE }),
  /** Keys of the cells, with commas between. */
  columns: text("", { flumeKey: "columns", required: true, ...DELIMITED }),
  separatorChar: text(",", { flumeKey: "separatorChar", required: true, ...DELIMITED }),
  quoteChar: text('"', { flumeKey: "quoteChar", advanced: true, ...DELIMITED }),
  escapeChar: text('"', { flumeKey: "escapeChar", advanced: true, ...DELIMITED }),
  /** Each group is a field; a body that does not match as a whole is one field, `content`. */
  regex: text("", { flumeKey: "regex", required: true, format: "regex", ...REGEX }),
  fieldNames: text("", { flumeKey: "fieldNames", required: true, ...REGEX }),
  /** Names of fields that hold JSON: its keys become fields. */
  expandJsonKeys: text("", { flumeKey: "expandJsonKeys", advanced: true, ...REGEX }),
  timeField: text("", { flumeKey: "timeField", advanced: true, ...WITH_TIME_FIELD }),
  /** `epoch` (seconds), or a pattern. */
  timeFormat: text("epoch", { flumeKey: "timeFormat", required: true, advanced: true, ...WITH_TIME_FIELD }),
  useRecordTime: boolean(true, { flumeKey: "useRecordTime" }),
  topic: text("", { advanced: true }),
  source: text("", { advanced: true }),
  hashKeyHeader: text("", { format: "header", advanced: true }),
  batchSize: number(1000, { flumeKey: "batchSize", min: 1, max: 1_000_000, unit: "events" }),
  bufferBytes: number(2_097_152, {
    flumeKey: "bufferBytes",
    min: 1024,
    max: 10_000_000,
    unit: "bytes",
    advanced: true,
  }),
  maxBufferTime: number(0, { flumeKey: "maxBufferTime", max: 60_000, unit: "ms", advanced: true }),
  concurrency: number(4, { flumeKey: "concurrency", min: 1, max: 64, advanced: true }),
};

export const component: SinkComponent<typeof properties> = {
  type: "flume-loghub-sink",
  role: "sink",
  flumeType: "com.aliyun.loghub.flume.sink.LoghubSink",
  properties,
  icon: "flume-loghub-sink.svg",
  outputs: 0,
  canRefuse: true,
  guarantee: "at-least-once",
  labelProperty: "logstore",
  create: (config, context) => new LogHubSink(config, context),
};

export type LogHubSinkSettings = Parameters<typeof component.create>[0];
