import { HeadraceError } from "../../../lib/engine/errors.js";
import type { Headers } from "../../../lib/engine/event.js";
import { propertyValue } from "../../../lib/protocols/kafka/cluster-settings.js";

/** The topic of an event; throws FLUME_KAFKA_TOPIC_INVALID for one that cannot have any. */
export type TopicOf = (headers: Headers) => string;

const two = (value: number) => String(value).padStart(2, "0");

/** Of Flume's BucketPath, what can stand in the name of a topic; times are local and come from the header `timestamp`. */
const TIMES: Readonly<Record<string, (time: Date) => string>> = {
  t: (time) => String(time.getTime()),
  s: (time) => String(Math.floor(time.getTime() / 1000)),
  Y: (time) => String(time.getFullYear()),
  y: (time) => two(time.getFullYear() % 100),
  m: (time) => two(time.getMonth() + 1),
  d: (time) => two(time.getDate()),
  e: (time) => String(time.getDate()),
  j: (time) => String(dayOfYear(time)).padStart(3, "0"),
  H: (time) => two(time.getHours()),
  k: (time) => String(time.getHours()),
  I: (time) => two(time.getHours() % 12 || 12),
  M: (time) => two(time.getMinutes()),
  S: (time) => two(time.getSeconds()),
};

/** `%{header}`, `%Y-%m-%d` … Throws FLUME_KAFKA_PROPERTY_VALUE for an escape that is not known. */
export function topicTemplate(template: string): TopicOf {
  const parts = template.split(/(%\{[^}]*\}|%.)/).filter((part) => part !== "");
  const makers = parts.map((part): TopicOf => {
    if (!part.startsWith("%")) return () => part;
    if (part.startsWith("%{")) {
      const name = part.slice(2, -1);
      return (headers) => headers[name] ?? "";
    }
    const time = TIMES[part.slice(1)];
    if (!time) throw propertyValue("kafka.topic", template, `%{header} and %${Object.keys(TIMES).join(" %")}`);
    return (headers) => time(timeOf(headers));
  });
  if (!template.includes("%")) {
    checkTopic(template);
    return () => template;
  }
  return (headers) => {
    const topic = makers.map((make) => make(headers)).join("");
    checkTopic(topic);
    return topic;
  };
}

/** Kafka's own rule: `org.apache.kafka.common.internals.Topic`. Throws FLUME_KAFKA_TOPIC_INVALID. */
export function checkTopic(topic: string): void {
  if (!/^[\w.-]{1,249}$/.test(topic) || topic === "." || topic === "..") {
    throw new HeadraceError("FLUME_KAFKA_TOPIC_INVALID", { topic });
  }
}

function timeOf(headers: Headers): Date {
  const text = headers["timestamp"] ?? "";
  const time = new Date(text === "" ? Number.NaN : Number(text));
  if (Number.isNaN(time.getTime())) throw new HeadraceError("FLUME_KAFKA_TOPIC_TIME", { value: text });
  return time;
}

function dayOfYear(time: Date): number {
  const days =
    (Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) - Date.UTC(time.getFullYear(), 0, 1)) / 86_400_000;
  return days + 1;
}
