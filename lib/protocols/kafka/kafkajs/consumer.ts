import { unwatchAbort, watchAbort } from "../../../engine/abort.js";
import { Backoff, sleep, within } from "../../../engine/backoff.js";
import { HeadraceError } from "../../../engine/errors.js";
import type { ConsumerSettings, KafkaConsumer, Polled, Trouble } from "../port.js";
import { SteadyTrouble } from "../steady-trouble.js";
import { type Generation, GroupMembership, type PartitionOffset } from "./group-membership.js";
import { GroupSession } from "./group-session.js";
import type { KafkaJsCluster } from "./library.js";
import { isOfOneTopic, lookForTopics, type LookedFor } from "./look-for-topics.js";
import {
  connectInTime,
  knownPartitions,
  leaderOf,
  openCluster,
  READ_COMMITTED,
  READ_UNCOMMITTED,
  SilentBroker,
} from "./open-cluster.js";
import { isPassing, translateError } from "./translate-error.js";

const FIRST_RETRY = 250;
const LONGEST_RETRY = 5_000;
/** How long a rebalance is held up by records that were handed out, in milliseconds. */
const REVOKE_WAIT = 10_000;
/** How often it is looked whether a topic that was named is there by now, in milliseconds. */
const MISSING_LOOK_EVERY = 5_000;
const NONE: LookedFor = { found: [], missing: new Map() };
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
  #opened = 0;
  /** A topic that is not there while others are read: it is all that is wrong once nothing else is. */
  #missing: HeadraceError | undefined;

  constructor(settings: ConsumerSettings, trouble: Trouble) {
    this.#settings = settings;
    this.#steady = new SteadyTrouble(trouble);
    this.#trouble = (error = this.#missing) => {
      if (error === undefined) this.#steady.ends();
      else this.#steady.begins(error);
    };
    this.#cluster = this.#open();
    this.#membership = new GroupMembership(this.#cluster, settings);
  }

  async connect(): Promise<void> {
    const { connection } = this.#settings;
    for (let left = connection.brokers.length; ; left--) {
      try {
        await connectInTime(this.#cluster);
        break;
      } catch (error) {
        this.#reopen();
        if (!(error instanceof SilentBroker) || left <= 1) throw translateError(error, connection, "");
      }
    }
    this.#running ??= this.#run();
  }

  get partitions(): number {
    return this.#session?.partitions ?? 0;
  }

  get lag(): number {
    return this.#session?.lag ?? 0;
  }

  async poll(
    max: { events: number; bytes: number },
    wait: number,
    signal: AbortSignal,
    before?: Polled,
  ): Promise<Polled | undefined> {
    const deadline = Date.now() + wait;
    for (;;) {
      if (signal.aborted || this.#closing.signal.aborted) return undefined;
      if (before && !this.#session?.goesOnAfter(before)) return undefined;
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
    await connectInTime(this.#cluster);
    const topics = await this.#topics();
    const generation = await this.#membership.join(topics.found);
    const own = generation.partitions.map(({ topic }) => topic);
    if (own.length > 0) await this.#cluster.addMultipleTargetTopics(own);
    const positions = await this.#positions(generation);
    const session = new GroupSession(this.#cluster, this.#membership, generation, this.#settings, positions, {
      trouble: this.#trouble,
      changed: () => this.#wake(),
      resetOffset: (topic, partition) => this.#resetOffset(topic, partition),
    });
    this.#session = session;
    this.#trouble();
    const watching = new AbortController();
    void this.#watchTopics(session, topics, generation.led, watching.signal);
    try {
      await session.run(signal);
    } finally {
      watching.abort();
      await session.settle(
        signal.aborted ? this.#closeWait : Math.min(REVOKE_WAIT, this.#settings.rebalanceTimeout / 2),
      );
    }
  }

  /** What there is to read. Rejects where that is nothing because no topic that was named is there. */
  async #topics(): Promise<LookedFor> {
    const { topics, connection } = this.#settings;
    // Those of the generation before may be gone, and would be asked for again and again.
    this.#cluster.targetTopics.clear();
    const wanted = topics instanceof RegExp ? await this.#matching(topics) : topics;
    const looked = wanted.length > 0 ? await lookForTopics(this.#cluster, wanted) : NONE;
    const [first] = looked.missing;
    if (first && looked.found.length === 0) throw first[1];
    this.#missing = first && translateError(first[1], connection, first[0]);
    return looked;
  }

  async #matching(pattern: RegExp): Promise<readonly string[]> {
    await this.#cluster.refreshMetadataIfNecessary();
    const broker = await this.#cluster.findControllerBroker();
    const { topicMetadata } = await broker.metadata([]);
    return topicMetadata
      .filter(({ topic, isInternal }) => (!isInternal || this.#settings.internalTopics) && pattern.test(topic))
      .map(({ topic }) => topic)
      .toSorted();
  }

  /** Another generation is begun when topics appear, are gone, or have grown. */
  async #watchTopics(
    session: GroupSession,
    { found, missing }: LookedFor,
    led: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { topics, metadataMaxAge } = this.#settings;
    const sizes = () => led.map((topic) => knownPartitions(this.#cluster, topic).length).join(",");
    const before = sizes();
    for (;;) {
      await sleep(missing.size > 0 ? Math.min(MISSING_LOOK_EVERY, metadataMaxAge) : metadataMaxAge, signal);
      if (signal.aborted) return;
      try {
        await this.#cluster.refreshMetadata();
        const changed =
          topics instanceof RegExp
            ? (await this.#matching(topics)).join(",") !== found.join(",")
            : missing.size > 0 && (await lookForTopics(this.#cluster, [...missing.keys()])).found.length > 0;
        if (changed || sizes() !== before) session.end();
      } catch (error) {
        // Whatever is wrong with the brokers, others notice sooner.
        if (isOfOneTopic(error)) session.end();
      }
    }
  }

  async #positions(generation: Generation): Promise<PartitionOffset[]> {
    const { partitions } = generation;
    const committed = await this.#membership.committed(partitions);
    const isKnown = (wanted: Generation["partitions"][number]) =>
      committed.some(({ topic, partition }) => topic === wanted.topic && partition === wanted.partition);
    const begun = await Promise.all(
      partitions
        .filter((one) => !isKnown(one))
        .map(async ({ topic, partition }) => ({ topic, partition, offset: await this.#resetOffset(topic, partition) })),
    );
    // Whoever reads the partition next must not begin with what is the latest then: Java loses what came between (KIP-842).
    if (this.#settings.autoOffsetReset === "latest" && begun.length > 0)
      await this.#membership.commit(generation, begun);
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
    const { connection, requestTimeout, metadataMaxAge, readCommitted, topics } = this.#settings;
    // What matches a pattern is there; asked for once it is deleted, it would be made anew.
    const createTopics = this.#settings.createTopics && !(topics instanceof RegExp);
    const settings = { requestTimeout, metadataMaxAge, readCommitted, createTopics };
    return openCluster(connection, settings, this.#opened++);
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
