import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { HeadraceError } from "../../../lib/engine/errors.js";
import type { LogEventForm } from "../../../lib/formats/log-groups/log-events.js";
import type { ConsumerSettings } from "../../../lib/protocols/loghub/consumer/surroundings.js";
import type { LogHubSourceSettings } from "./component.js";

/** A group's timeout holds at least so many heartbeats: one may be lost, and one late. */
const HEARTBEATS = 3;
/** The least timeout of a group that is chosen by itself, in seconds. */
const LEAST_TIMEOUT = 60;

/**
 * What the settings of a source mean to a consumer of its group; `id` is the node's, `storage` its folder.
 * Throws FLUME_LOGHUB_START_TIME, FLUME_LOGHUB_GROUP_TIMEOUT and FLUME_LOGHUB_FILTERS.
 */
export function consumerSettings(
  settings: LogHubSourceSettings,
  node: { readonly id: string; readonly storage: string },
): ConsumerSettings {
  const { consumerGroup, consumer, fetchInOrder, checkpointInterval, fetchCount, fetchIntervalMs } = settings;
  const { heartbeatInterval, batchSize, batchDurationMillis, memory, onInvalidCursor } = settings;
  return {
    group: { name: consumerGroup, timeout: groupTimeout(settings), inOrder: fetchInOrder },
    consumer: consumer === "" ? consumerName(node) : consumer,
    position: position(settings),
    heartbeatInterval,
    checkpointInterval,
    fetchCount,
    fetchInterval: fetchIntervalMs,
    filter: filter(settings),
    idleIncrement: settings.backoffSleepIncrement,
    idleMost: settings.maxBackoffSleep,
    batchSize,
    batchDuration: batchDurationMillis,
    memory,
    onInvalidCursor,
  };
}

/**
 * The same after a restart, and nobody else's, also where several Node-RED on one host run the same flow: each has a
 * folder of its own. Letters that a name may have.
 */
function consumerName({ id, storage }: { readonly id: string; readonly storage: string }): string {
  const place = createHash("sha256").update(storage).digest("hex").slice(0, 8);
  return `${hostname()}-${id}-${place}`.replace(/[^\w.-]/g, "-");
}

function position({ consumerPosition, startTime }: LogHubSourceSettings): ConsumerSettings["position"] {
  if (consumerPosition !== "special") return consumerPosition;
  if (startTime > 0) return startTime;
  throw new HeadraceError("FLUME_LOGHUB_START_TIME", { property: "consumerPosition", value: startTime });
}

function groupTimeout({ groupTimeout: timeout, heartbeatInterval }: LogHubSourceSettings): number {
  const least = Math.ceil((HEARTBEATS * heartbeatInterval) / 1000);
  if (timeout === 0) return Math.max(least, LEAST_TIMEOUT);
  if (timeout >= least) return timeout;
  throw new HeadraceError("FLUME_LOGHUB_GROUP_TIMEOUT", { timeout, interval: heartbeatInterval, least });
}

function filter({ query, processor }: LogHubSourceSettings): ConsumerSettings["filter"] {
  if (query !== "" && processor !== "") throw new HeadraceError("FLUME_LOGHUB_FILTERS");
  if (processor !== "") return { processor };
  return query === "" ? undefined : { query };
}

/** How logs become events. */
export function eventForm(settings: LogHubSourceSettings): LogEventForm {
  const { useRecordTime, tagHeaders, topicHeader, sourceHeader } = settings;
  return {
    useRecordTime,
    headers: { tags: tagHeaders, topic: topicHeader, source: sourceHeader },
    body: settings.body === "json" ? jsonForm(settings) : delimitedForm(settings),
  };
}

function jsonForm(settings: LogHubSourceSettings): LogEventForm["body"] {
  const { autoDetectJSONFields, timeAsField, tagAsField, topicAsField, sourceAsField } = settings;
  return {
    kind: "json",
    autoDetectJSONFields,
    timeAsField,
    groupFields: { tags: tagAsField, topic: topicAsField, source: sourceAsField },
  };
}

function delimitedForm(settings: LogHubSourceSettings): LogEventForm["body"] {
  const { applyQuotesToAll, appendTimestamp, localTimeFieldName } = settings;
  return {
    kind: "delimited",
    columns: settings.columns.split(",").map((column) => column.trim()),
    separatorChar: unescaped(settings.separatorChar),
    quoteChar: unescaped(settings.quoteChar),
    escapeChar: unescaped(settings.escapeChar),
    lineEnd: unescaped(settings.lineEnd),
    applyQuotesToAll,
    appendTimestamp,
    localTimeFieldName,
  };
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", 0: "\0", "\\": "\\" };

/** `\t`, `\n`, `\r`, `\0` and `\\` as in Java's properties: a field of a form cannot hold them otherwise. A lone `\` stays. */
function unescaped(text: string): string {
  return text.replace(/\\([tnr0\\])/g, (_, letter: string) => ESCAPES[letter] as string);
}
