/** Flume's counter names for each role, so that dashboards made for Flume keep working. */
export const COUNTER_NAMES = {
  SOURCE: [
    "EventReceivedCount",
    "EventAcceptedCount",
    "AppendReceivedCount",
    "AppendAcceptedCount",
    "AppendBatchReceivedCount",
    "AppendBatchAcceptedCount",
    "OpenConnectionCount",
    "EventReadFail",
    "ChannelWriteFail",
    "GenericProcessingFail",
  ],
  CHANNEL: [
    "ChannelSize",
    "ChannelCapacity",
    "EventPutAttemptCount",
    "EventPutSuccessCount",
    "EventTakeAttemptCount",
    "EventTakeSuccessCount",
  ],
  SINK: [
    "ConnectionCreatedCount",
    "ConnectionClosedCount",
    "ConnectionFailedCount",
    "BatchEmptyCount",
    "BatchUnderflowCount",
    "BatchCompleteCount",
    "EventDrainAttemptCount",
    "EventDrainSuccessCount",
    "EventWriteFail",
    "ChannelReadFail",
  ],
} as const;

export type CounterGroup = keyof typeof COUNTER_NAMES;
/** Flume's for its Kafka components alone: shown where something was counted. Timers in milliseconds. */
type KafkaCounterName =
  | "KafkaEventGetTimer"
  | "KafkaEventSendTimer"
  | "KafkaCommitTimer"
  | "KafkaEmptyCount"
  /** Gauges, ours: partitions that the group has given to this member, and records in them that it has not read. */
  | "KafkaPartitionCount"
  | "KafkaLag"
  | "RollbackCount";
/** Ours, of a LogHub source. The first two are gauges. */
type LogHubCounterName =
  | "LogHubShardCount"
  | "LogHubLagSeconds"
  | "LogHubPullCount"
  | "LogHubPullFail"
  /** Pulls that were over a limit of the service. */
  | "LogHubThrottleCount"
  | "LogHubCheckpointCount"
  /** Places to go on from that the service had deleted, and the time that was passed over because of that. */
  | "LogHubCursorExpiredCount"
  | "LogHubSkippedSeconds";
/**
 * Ours, beside Flume's: what left by a dead-letter port, was dropped by choice, or missed by an optional channel; and
 * messages that ordinary nodes behind a node sent for events that were done with.
 */
export type CounterName =
  | (typeof COUNTER_NAMES)[CounterGroup][number]
  | KafkaCounterName
  | LogHubCounterName
  | "EventDeadLetterCount"
  | "EventDropCount"
  | "EventOptionalMissCount"
  | "LateSendCount";

/** Counts of one component. Kept while its node stays in the flow. */
export class Counters {
  readonly #counts = new Map<CounterName, number>();
  readonly #gauges = new Map<CounterName, () => number>();
  readonly startTime = Date.now();
  stopTime = 0;

  add(name: CounterName, count = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  /** A value that is read when asked for. */
  gauge(name: CounterName, read: () => number): void {
    this.#gauges.set(name, read);
  }

  get(name: CounterName): number {
    return this.#gauges.get(name)?.() ?? this.#counts.get(name) ?? 0;
  }

  /** In the form of Flume's JSON monitoring: every value a text. */
  toFlume(group: CounterGroup): Record<string, string> {
    const out: Record<string, string> = { Type: group };
    for (const name of COUNTER_NAMES[group]) out[name] = String(this.get(name));
    for (const name of [...this.#counts.keys(), ...this.#gauges.keys()]) out[name] = String(this.get(name));
    if (group === "CHANNEL") {
      const capacity = this.get("ChannelCapacity");
      out["ChannelFillPercentage"] = String(capacity > 0 ? (this.get("ChannelSize") / capacity) * 100 : 0);
    }
    out["StartTime"] = String(this.startTime);
    out["StopTime"] = String(this.stopTime);
    return out;
  }
}
