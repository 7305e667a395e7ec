import { unwatchAbort, watchAbort } from "../../../engine/abort.js";
import { Backoff, sleep, within } from "../../../engine/backoff.js";
import { HeadraceError } from "../../../engine/errors.js";
import type { ConsumerSettings, KafkaConsumer, Polled, Trouble } from "../port.js";
import { SteadyTrouble } from "../steady-trouble.js";
import { GroupMembership, type PartitionOffset, type TopicPartition } from "./group-membership.js";
import { GroupSession } from "./group-session.js";
import type { KafkaJsCluster } from "./library.js";
import { knownPartitions, leaderOf, openCluster, READ_COMMITTED, READ_UNCOMMITTED } from "./open-cluster.js";
import { isPassing, translateError } from "./translate-error.js";

const FIRST_RETRY = 250;
const LONGEST_RETRY = 5_000;
/** How long a rebalance is held up by records that were handed out, in milliseconds. */
const REVOKE_WAIT = 10_000;
/** Timestamps that stand for the ends of a partition: Kafka protocol guide, "ListOffsets". */
const EARLIEST = -2;
const LATEST = -1;

/** Reads what its group gives it, joins again after each rebalance, and connects anew after whatever went wrong. */
export class KafkaJsConsumer implements KafkaConsumer {
  readonly #settings: ConsumerSettings;
  readonly #trouble: Trouble;
  readonly #steady: SteadyTrouble;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<() => void>();
  #cluster: KafkaJsCluster;
  #membership: GroupMembership;
  #session: GroupSession | undefined;
  #running: Promise<void> | undefined;
  #closeWait = 0;

  constructor(settings: ConsumerSettings, trouble: Trouble) {
    this.#settings = settings;
    this.#steady = new SteadyTrouble(trouble);
    this.#trouble = (error) => {
      if (error === undefined) this.#steady.ends();
      else this.#steady.begins(error);
    };
    this.#cluster = this.#open();
    this.#membership = new GroupMembership(this.#cluster, settings);
  }

  async connect(): Promise<void> {
    try {
      await this.#cluster.connect();
    } catch (error) {
      this.#reopen();
      throw translateError(error, this.#settings.connection, "");
    }
    this.#running ??= this.#run();
  }

  get lag(): number {
    return this.#session?.lag ?? 0;
  }

  get assigned(): readonly TopicPartition[] {
    return this.#session?.partitions ?? [];
  }

  async poll(max: { events: number; bytes: number }, wait: number, signal: AbortSignal): Promise<Polled | undefined> {
    const deadline = Date.now() + wait;
    for (;;) {
      if (signal.aborted || this.#closing.signal.aborted) return undefined;
      const polled = this.#session?.take(max);
      if (polled) {
        this.#trouble();
        return polled;
      }
      const left = deadline - Date.now();
      if (left <= 0) return undefined;
      await this.#woken(left, signal);
    }
  }

  async close(wait: number): Promise<void> {
    this.#closeWait = wait;
    this.#closing.abort();
    this.#wake();
    this.#steady.close();
    // A member that cannot say good-bye is missed after the session timeout.
    if (this.#running) await within(wait + 2_000, this.#running);
    this.#session?.lose();
    await within(
      1_000,
      this.#cluster.disconnect().catch(() => undefined),
    );
  }

  /** Resolves when something has changed, the time (in milliseconds) is over, or the signal aborts. */
  #woken(wait: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        unwatchAbort(signal, wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, wait);
      watchAbort(signal, wake);
      this.#waiting.add(wake);
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff(FIRST_RETRY, LONGEST_RETRY);
    while (!signal.aborted) {
      try {
        await this.#generation(signal);
        backoff.reset();
      } catch (error) {
        this.#session?.lose();
        this.#session = undefined;
        if (signal.aborted) break;
        const { groupId, topics } = this.#settings;
        const what = topics instanceof RegExp ? groupId : topics.join(", ");
        this.#trouble(translateError(error, this.#settings.connection, what));
        await sleep(isPassing(error) ? backoff.next() : LONGEST_RETRY, signal);
        // Whatever state the library is in: nothing of it is kept.
        if (!this.#cluster.isConnected()) this.#reopen();
      }
    }
    await within(
      1_000,
      this.#membership.leave().catch(() => undefined),
    );
  }

  /** From joining the group to the next rebalance. */
  async #generation(signal: AbortSignal): Promise<void> {
    await this.#cluster.connect();
    const topics = await this.#topics();
    const partitions = await this.#membership.join(topics);
    if (partitions.length > 0) await this.#cluster.addMultipleTargetTopics(partitions.map(({ topic }) => topic));
    const positions = await this.#positions(partitions);
    const session = new GroupSession(this.#cluster, this.#membership, this.#settings, positions, {
      trouble: this.#trouble,
      changed: () => this.#wake(),
      resetOffset: (topic, partition) => this.#resetOffset(topic, partition),
    });
    this.#session = session;
    this.#trouble();
    const watching = new AbortController();
    void this.#watchTopics(session, topics, watching.signal);
    try {
      await session.run(signal);
    } finally {
      watching.abort();
      await session.settle(
        signal.aborted ? this.#closeWait : Math.min(REVOKE_WAIT, this.#settings.rebalanceTimeout / 2),
      );
    }
  }

  async #topics(): Promise<readonly string[]> {
    const { topics } = this.#settings;
    if (!(topics instanceof RegExp)) {
      await this.#cluster.addMultipleTargetTopics(topics);
      return topics;
    }
    await this.#cluster.refreshMetadataIfNecessary();
    const broker = await this.#cluster.findControllerBroker();
    const { topicMetadata } = await broker.metadata([]);
    const found = topicMetadata
      .filter(({ topic, isInternal }) => !isInternal && topics.test(topic))
      .map(({ topic }) => topic)
      .toSorted();
    if (found.length > 0) await this.#cluster.addMultipleTargetTopics(found);
    return found;
  }

  /** Another generation is begun when topics appear or grow. */
  async #watchTopics(session: GroupSession, topics: readonly string[], signal: AbortSignal): Promise<void> {
    const count = () => topics.map((topic) => knownPartitions(this.#cluster, topic).length).join(",");
    const before = count();
    for (;;) {
      await sleep(this.#settings.metadataMaxAge, signal);
      if (signal.aborted) return;
      try {
        const now = await this.#topics();
        await this.#cluster.refreshMetadata();
        if (now.join(",") !== topics.join(",") || (this.#membership.leads && count() !== before)) session.end();
      } catch {
        // The next look tells; whatever is wrong with the broker, others notice sooner.
      }
    }
  }

  async #positions(partitions: readonly TopicPartition[]): Promise<PartitionOffset[]> {
    const committed = await this.#membership.committed(partitions);
    const isKnown = (wanted: TopicPartition) =>
      committed.some(({ topic, partition }) => topic === wanted.topic && partition === wanted.partition);
    const begun = await Promise.all(
      partitions
        .filter((one) => !isKnown(one))
        .map(async ({ topic, partition }) => ({ topic, partition, offset: await this.#resetOffset(topic, partition) })),
    );
    // Whoever reads the partition next must not begin with what is the latest then: Java loses what came between (KIP-842).
    if (this.#settings.autoOffsetReset === "latest" && begun.length > 0) await this.#membership.commit(begun);
    return [...committed, ...begun];
  }

  async #resetOffset(topic: string, partition: number): Promise<number> {
    const { autoOffsetReset, groupId, readCommitted } = this.#settings;
    if (autoOffsetReset === "none")
      throw new HeadraceError("FLUME_KAFKA_NO_OFFSET", { group: groupId, topic, partition });
    const leader = leaderOf(this.#cluster, topic, partition);
    const broker = await this.#cluster.findBroker({ nodeId: leader ?? -1 });
    const timestamp = autoOffsetReset === "earliest" ? EARLIEST : LATEST;
    const { responses } = await broker.listOffsets({
      isolationLevel: readCommitted ? READ_COMMITTED : READ_UNCOMMITTED,
      topics: [{ topic, partitions: [{ partition, timestamp }] }],
    });
    return Number(responses[0]?.partitions[0]?.offset ?? 0);
  }

  #open(): KafkaJsCluster {
    const { connection, requestTimeout, metadataMaxAge, readCommitted } = this.#settings;
    return openCluster(connection, { requestTimeout, metadataMaxAge, readCommitted, createTopics: true });
  }

  #reopen(): void {
    void this.#cluster.disconnect().catch(() => undefined);
    this.#cluster = this.#open();
    this.#membership = new GroupMembership(this.#cluster, this.#settings, this.#membership);
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
