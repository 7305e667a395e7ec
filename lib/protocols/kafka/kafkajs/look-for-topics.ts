import type { KafkaJsCluster } from "./library.js";
import { asKafkaJsError } from "./translate-error.js";

/** Answers that concern one topic, and no other. */
const OF_ONE = new Set(["UNKNOWN_TOPIC_OR_PARTITION", "INVALID_TOPIC_EXCEPTION", "TOPIC_AUTHORIZATION_FAILED"]);

/** Whether the brokers are there, and only a topic is not. */
export function isOfOneTopic(error: unknown): boolean {
  return OF_ONE.has(asKafkaJsError(error).type ?? "");
}

export interface LookedFor {
  readonly found: readonly string[];
  /** The brokers' answer, by topic. */
  readonly missing: ReadonlyMap<string, unknown>;
}

/**
 * Makes the cluster know the leaders of these topics, as far as they are there. The library asks for all at once and
 * fails for all where one is missing; then they are asked for one by one.
 */
export async function lookForTopics(cluster: KafkaJsCluster, topics: readonly string[]): Promise<LookedFor> {
  try {
    await cluster.addMultipleTargetTopics(topics);
    return { found: topics, missing: new Map() };
  } catch (error) {
    if (!isOfOneTopic(error)) throw error;
    if (topics.length === 1) return { found: [], missing: new Map([[topics[0] as string, error]]) };
  }
  const found: string[] = [];
  const missing = new Map<string, unknown>();
  for (const topic of topics) {
    try {
      await cluster.addMultipleTargetTopics([topic]);
      found.push(topic);
    } catch (error) {
      if (!isOfOneTopic(error)) throw error;
      missing.set(topic, error);
    }
  }
  return { found, missing };
}
