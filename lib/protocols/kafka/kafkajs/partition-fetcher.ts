import { sleep } from "../../../engine/backoff.js";
import { HeadraceError, reasonOf } from "../../../engine/errors.js";
import { nextLoopTurn, turnIsOver } from "../../../engine/turn.js";
import type { ConsumerSettings, Trouble } from "../port.js";
import type { FetchedRecords } from "../records/fetched-records.js";
import { readRecordBatches } from "../records/read-record-batches.js";
import { type FetchedPartition, fetchRecords } from "./fetch-request.js";
import type { FetchedBuffer } from "./fetched-buffer.js";
import { type KafkaJsCluster, kafkaJs } from "./library.js";
import { isOfOneTopic } from "./look-for-topics.js";
import { leaderOf, READ_COMMITTED, READ_UNCOMMITTED, rotated } from "./open-cluster.js";
import type { PartitionState } from "./partition-state.js";
import { asKafkaJsError, isPassing, translateError } from "./translate-error.js";

/** How long a broker may hold a fetch back while a partition that is left out of it may get room, in milliseconds. */
const SHORT_WAIT = 10;
const RETRY = 250;
/** For what only a person can change. */
const LONG_RETRY = 5_000;
/** Kafka protocol guide, "Error Codes". */
const OFFSET_OUT_OF_RANGE = 1;
const LEADER_NOT_AVAILABLE = 5;

export interface FetchEvents {
  readonly trouble: Trouble;
  /** Records came in. */
  changed(): void;
  /** Where to begin when the broker does not have the offset that was asked for. */
  resetOffset(topic: string, partition: number): Promise<number>;
  /** Until its partitions are no longer asked for, nobody learns of other leaders. */
  topicGone(): void;
}

/** Fills a buffer with the records of some partitions, each from its position on, as long as there is room. */
export class PartitionFetcher {
  readonly #cluster: KafkaJsCluster;
  readonly #settings: ConsumerSettings;
  readonly #partitions: readonly PartitionState[];
  readonly #buffer: FetchedBuffer;
  readonly #ended: AbortSignal;
  readonly #events: FetchEvents;
  /** Brokers with a request under way. */
  readonly #busy = new Set<number>();
  #recovering = false;
  #turn = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Nothing more is fetched once `ended` aborts. */
  constructor(
    cluster: KafkaJsCluster,
    settings: ConsumerSettings,
    partitions: readonly PartitionState[],
    buffer: FetchedBuffer,
    ended: AbortSignal,
    events: FetchEvents,
  ) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#partitions = partitions;
    this.#buffer = buffer;
    this.#ended = ended;
    this.#events = events;
    ended.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }

  /** Asks the leaders of partitions with room for more; one request under way per broker. */
  fetch(): void {
    if (this.#ended.aborted) return;
    const now = Date.now();
    const { maxPartitionBytes, fetchMaxBytes } = this.#settings;
    if (this.#buffer.bytes >= fetchMaxBytes) return;
    const wanted = new Map<number, PartitionState[]>();
    const leftOut = new Set<number>();
    let soonest = Number.POSITIVE_INFINITY;
    let leaderless = false;
    for (const state of this.#partitions) {
      const leader = leaderOf(this.#cluster, state.topic, state.partition);
      if (leader === undefined || leader < 0) {
        leaderless = true;
        continue;
      }
      if (this.#busy.has(leader)) continue;
      if (state.retryAt > now) {
        soonest = Math.min(soonest, state.retryAt);
        leftOut.add(leader);
      } else if (state.buffered >= maxPartitionBytes) leftOut.add(leader);
      else {
        const states = wanted.get(leader);
        if (states) states.push(state);
        else wanted.set(leader, [state]);
      }
    }
    for (const [leader, states] of wanted) void this.#fetchFrom(leader, states, leftOut.has(leader));
    if (leaderless && !this.#recovering) void this.#recover(kafkaJs().errorOfCode(LEADER_NOT_AVAILABLE), []);
    if (Number.isFinite(soonest)) this.#fetchAt(soonest - now);
  }

  #fetchAt(wait: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.fetch(), Math.max(1, wait));
  }

  async #fetchFrom(leader: number, states: readonly PartitionState[], someLeftOut: boolean): Promise<void> {
    const { fetchMaxWait, fetchMinBytes, fetchMaxBytes, maxPartitionBytes, readCommitted } = this.#settings;
    const { rackId, requestTimeout } = this.#settings;
    this.#busy.add(leader);
    try {
      const broker = await this.#cluster.findBroker({ nodeId: leader });
      const answers = await fetchRecords(
        broker,
        // Another one first each time: the broker fills the answer in the order of the question.
        rotated(states, this.#turn++).map(({ topic, partition, position }) => ({
          topic,
          partition,
          offset: position,
        })),
        {
          maxWait: someLeftOut ? Math.min(SHORT_WAIT, fetchMaxWait) : fetchMaxWait,
          minBytes: someLeftOut ? 1 : fetchMinBytes,
          maxBytes: fetchMaxBytes,
          maxPartitionBytes,
          isolationLevel: readCommitted ? READ_COMMITTED : READ_UNCOMMITTED,
          rackId,
          requestTimeout,
        },
      );
      for (const answer of answers) {
        const state = states.find(({ topic, partition }) => topic === answer.topic && partition === answer.partition);
        if (state) await this.#received(state, answer);
      }
      this.#busy.delete(leader);
      this.fetch();
    } catch (error) {
      this.#busy.delete(leader);
      await this.#recover(error, states);
    }
  }

  async #received(state: PartitionState, answer: FetchedPartition): Promise<void> {
    const { topic, partition } = state;
    const { readCommitted, checkCrcs } = this.#settings;
    if (answer.errorCode === OFFSET_OUT_OF_RANGE) {
      await this.#begin(state);
      return;
    }
    if (answer.errorCode !== 0) {
      await this.#recover(kafkaJs().errorOfCode(answer.errorCode), [state]);
      return;
    }
    state.highWatermark = answer.highWatermark;
    if (turnIsOver()) await nextLoopTurn();
    try {
      const batches = await readRecordBatches(answer.bytes, {
        aborted: readCommitted ? answer.aborted : undefined,
        checkCrcs,
      });
      for (const { records, nextOffset } of batches) {
        if (this.#ended.aborted || nextOffset <= state.position) continue;
        this.#buffer.add(state, records && from(records, state.position), nextOffset);
      }
      this.#events.trouble();
      if (batches.length > 0) this.#events.changed();
    } catch (error) {
      state.retryAt = Date.now() + LONG_RETRY;
      this.#events.trouble(
        error instanceof HeadraceError
          ? error
          : new HeadraceError(
              "FLUME_KAFKA_RECORDS_UNREADABLE",
              { topic, partition, offset: state.position, reason: reasonOf(error) },
              error,
            ),
      );
    }
  }

  /** The broker no longer has (or never had) the offset that was asked for. */
  async #begin(state: PartitionState): Promise<void> {
    try {
      const offset = await this.#events.resetOffset(state.topic, state.partition);
      if (offset === state.position) return;
      this.#buffer.add(state, undefined, offset);
      this.#events.changed();
    } catch (error) {
      state.retryAt = Date.now() + LONG_RETRY;
      this.#events.trouble(translateError(error, this.#settings.connection, state.topic));
    }
  }

  async #recover(error: unknown, states: readonly PartitionState[]): Promise<void> {
    if (this.#ended.aborted) return;
    const { name, host, port } = asKafkaJsError(error);
    if (name === "KafkaJSConnectionClosedError" && host !== undefined && port !== undefined) {
      this.#cluster.removeBroker({ host, port });
    }
    const wait = isPassing(error) ? RETRY : LONG_RETRY;
    for (const state of states) state.retryAt = Date.now() + wait;
    if (states.length > 0 || this.#recovering) this.#tell(error, states[0]?.topic);
    if (this.#recovering) {
      this.#fetchAt(wait);
      return;
    }
    this.#recovering = true;
    await sleep(Math.min(wait, RETRY), this.#ended);
    await this.#cluster.refreshMetadata().catch((reason: unknown) => {
      if (isOfOneTopic(reason)) this.#events.topicGone();
      else this.#tell(reason);
    });
    this.#recovering = false;
    this.fetch();
    this.#fetchAt(wait);
  }

  #tell(error: unknown, topic = this.#settings.groupId): void {
    this.#events.trouble(translateError(error, this.#settings.connection, topic));
  }
}

/** A batch may begin before the offset that was asked for. */
function from(records: FetchedRecords, position: number): FetchedRecords {
  let first = 0;
  while (first < records.length && records.offset(first) < position) first++;
  return records.slice(first, records.length);
}
