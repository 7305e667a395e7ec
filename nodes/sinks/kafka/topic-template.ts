import { HeadraceError, isHeadraceError } from "../../../lib/engine/errors.js";
import type { Headers } from "../../../lib/engine/event.js";
import { type HostNames, PathPattern } from "../../../lib/formats/path-pattern.js";
import { LOCAL_ZONE } from "../../../lib/formats/zoned-time.js";

/** The topic of an event; throws FLUME_KAFKA_TOPIC_INVALID, or FLUME_KAFKA_TOPIC_TIME, for one that has none. */
export type TopicOf = (headers: Headers) => string;

/**
 * `%{header}`, `%Y-%m-%d` … as in a path of the HDFS sink; times are local. Flume leaves the escapes as they are once
 * headers may not choose the topic: no topic can have such a name, so here they count in either case.
 * @throws HeadraceError FLUME_ESCAPE_UNKNOWN, FLUME_KAFKA_TOPIC_INVALID
 */
export function topicTemplate(template: string, hosts: HostNames): TopicOf {
  const pattern = new PathPattern(template, { zone: LOCAL_ZONE, rounding: undefined, hosts });
  if (!pattern.usesHeaders && !pattern.usesTime) {
    const topic = pattern.resolve({}, undefined);
    checkTopic(topic);
    return () => topic;
  }
  return (headers) => {
    const topic = resolved(pattern, headers);
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

/** What to do about a missing time is another thing here than for a path. */
function resolved(pattern: PathPattern, headers: Headers): string {
  try {
    return pattern.resolve(headers, undefined);
  } catch (error) {
    if (!isHeadraceError(error)) throw error;
    throw new HeadraceError("FLUME_KAFKA_TOPIC_TIME", { value: headers["timestamp"] ?? "" }, error);
  }
}
