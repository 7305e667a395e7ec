import type { SourceComponent } from "../../../lib/engine/component.js";
import { pollingProperties } from "../../../lib/engine/polling.js";
import { boolean, choice, configNode, number, text } from "../../../lib/engine/properties.js";
import { LogHubSource } from "./loghub-source.js";

const DAY = 86_400_000;
const MIB = 1024 * 1024;
const delimited = { property: "body", is: ["delimited"] };
const json = { property: "body", is: ["json"] };

/*
 * Names and defaults are those of the LogHub source of Alibaba Cloud's E-MapReduce where it has them; what only the open
 * plugin (aliyun-log-flume) has keeps its names there.
 */
const properties = {
  project: configNode("flume-loghub-project", { flumeKey: "endpoint", required: true }),
  logstore: text("", { flumeKey: "logstore", required: true }),
  consumerGroup: text("consumer_1", { flumeKey: "consumerGroup", required: true }),
  /** Where to begin in a shard that the group has no checkpoint of. */
  consumerPosition: choice(["begin", "end", "special"], "end", { flumeKey: "consumerPosition" }),
  /** Seconds since 1970 by the clock of Log Service, when it received the logs. */
  startTime: number(0, {
    flumeKey: "startTime",
    max: 4_294_967_295,
    unit: "s",
    shownWhen: { property: "consumerPosition", is: ["special"] },
  }),
  useRecordTime: boolean(false, { flumeKey: "useRecordTime" }),
  body: choice(["json", "delimited"], "json", { flumeKey: "deserializer" }),
  autoDetectJSONFields: boolean(true, { flumeKey: "autoDetectJSONFields", shownWhen: json }),
  timeAsField: boolean(false, { flumeKey: "timeAsField", shownWhen: json }),
  tagAsField: boolean(false, { flumeKey: "tagAsField", shownWhen: json }),
  topicAsField: boolean(false, { flumeKey: "topicAsField", shownWhen: json }),
  sourceAsField: boolean(false, { flumeKey: "sourceAsField", shownWhen: json }),
  /** Separated by commas. */
  columns: text("", { flumeKey: "columns", required: true, shownWhen: delimited }),
  separatorChar: text(",", { flumeKey: "separatorChar", required: true, shownWhen: delimited }),
  quoteChar: text('"', { flumeKey: "quoteChar", shownWhen: delimited }),
  escapeChar: text('"', { flumeKey: "escapeChar", shownWhen: delimited }),
  lineEnd: text("", { flumeKey: "lineEnd", advanced: true, shownWhen: delimited }),
  applyQuotesToAll: boolean(false, { flumeKey: "applyQuotesToAll", advanced: true, shownWhen: delimited }),
  appendTimestamp: boolean(false, { flumeKey: "appendTimestamp", advanced: true, shownWhen: delimited }),
  /** A column that gets the time of reading; empty: none. */
  localTimeFieldName: text("", { flumeKey: "localTimeFieldName", advanced: true, shownWhen: delimited }),
  tagHeaders: boolean(false),
  topicHeader: boolean(false),
  sourceHeader: boolean(false),
  batchSize: number(1000, { flumeKey: "batchSize", min: 1, max: 1_000_000, unit: "events" }),
  batchDurationMillis: number(1000, { flumeKey: "batchDurationMillis", min: 1, max: DAY, unit: "ms" }),
  fetchInOrder: boolean(false, { flumeKey: "fetchInOrder" }),
  /** What to do where the place to go on from has been deleted. */
  onInvalidCursor: choice(["begin", "end", "stop"], "begin"),
  heartbeatInterval: number(30_000, { flumeKey: "heartbeatInterval", min: 1000, max: DAY, unit: "ms", advanced: true }),
  /** 0: three heartbeats, a minute at least. */
  groupTimeout: number(0, { max: 86_400, unit: "s", advanced: true }),
  /** Empty: made of host and node. */
  consumer: text("", { advanced: true }),
  checkpointInterval: number(5000, { max: DAY, unit: "ms", advanced: true }),
  fetchCount: number(1000, { min: 1, max: 1000, advanced: true }),
  fetchIntervalMs: number(200, { flumeKey: "fetchIntervalMs", min: 10, max: DAY, unit: "ms", advanced: true }),
  /** Bytes that what is fetched and not yet delivered may take. */
  memory: number(64 * MIB, { min: MIB, max: 16_384 * MIB, unit: "bytes", advanced: true }),
  query: text("", { flumeKey: "query", advanced: true }),
  processor: text("", { flumeKey: "processor", advanced: true }),
  ...pollingProperties,
};

export const component: SourceComponent<typeof properties> = {
  type: "flume-loghub-source",
  role: "source",
  flumeType: "org.apache.flume.source.loghub.LogHubSource",
  flumeAliases: [
    {
      flumeType: "com.aliyun.loghub.flume.source.LoghubSource",
      keys: {
        initialPosition: "consumerPosition",
        timestamp: "startTime",
        heartbeatIntervalMs: "heartbeatInterval",
        // LogGroups of one pull, not events of one transaction.
        batchSize: "fetchCount",
      },
      values: { consumerPosition: { timestamp: "special" } },
      defaults: { consumerPosition: "begin", body: "delimited", fetchIntervalMs: 100 },
    },
  ],
  properties,
  icon: "flume-loghub-source.svg",
  outputs: 1,
  guarantee: "at-least-once",
  labelProperty: "logstore",
  create: (config, context) => new LogHubSource(config, context),
  batchSize: (config) => config.batchSize,
};

export type LogHubSourceSettings = Parameters<typeof component.create>[0];
