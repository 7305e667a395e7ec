import { sleep, within } from "../../../engine/backoff.js";
import { HeadraceError, reasonOf } from "../../../engine/errors.js";
import { nextLoopTurn, turnIsOver } from "../../../engine/turn.js";
import type { ConsumerSettings, Polled, Trouble } from "../port.js";
import type { FetchedRecords } from "../records/fetched-records.js";
import { readRecordBatches } from "../records/read-record-batches.js";
import { DeliveredOffsets, type Handed } from "./delivered-offsets.js";
import { type FetchedPartition, fetchRecords } from "./fetch-request.js";
import { type Generation, generationIsOver, type GroupMembership, type PartitionOffset } from "./group-membership.js";
import { type KafkaJsCluster, kafkaJs } from "./library.js";
import { isOfOneTopic } from "./look-for-topics.js";
import { leaderOf, READ_COMMITTED, READ_UNCOMMITTED, rotated } from "./open-cluster.js";
import { asKafkaJsError, isPassing, translateError } from "./translate-error.js";

/** How long a broker may hold a fetch back while a partition that is left out of it may get room, in milliseconds. */
const SHORT_WAIT = 10;
const RETRY = 250;
/** For what only a person can change. */
const LONG_RETRY = 5_000;
const OFFSET_OUT_OF_RANGE = 1;

interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  /** Of the next record to fetch. */
  position: number;
  /** Of the next record to hand out. */
  next: number;
  highWatermark: number;
  buffered: number;
  fetching: boolean;
  /** Not before, in milliseconds since 1970. */
  retryAt: number;
  readonly offsets: DeliveredOffsets;
}

/** Fetched and not handed out; without records where there was nothing to hand out. */
interface Chunk {
  readonly state: PartitionState;
  readonly records: FetchedRecords | undefined;
  readonly start: number;
  readonly end: number;
}

interface Piece {
  readonly state: PartitionState;
  readonly records: FetchedRecords;
  readonly handed: Handed;
  readonly sequence: number;
}

export interface SessionEvents {
  readonly trouble: Trouble;
  /** Records came in, or the session is over. */
  changed(): void;
  /** Begins where the group has no offset. */
  resetOffset(topic: string, partition: number): Promise<number>;
}

/** What a member reads in one generation of its group: from one rebalance to the next. */
export class GroupSession {
  readonly #cluster: KafkaJsCluster;
  readonly #membership: GroupMembership;
  readonly #generation: Generation;
  readonly #settings: ConsumerSettings;
  readonly #events: SessionEvents;
  readonly #partitions: readonly PartitionState[];
  readonly #chunks: Chunk[] = [];
  readonly #returned: Piece[] = [];
  readonly #busy = new Set<number>();
  readonly #lost = new AbortController();
  /** Over, or about to be: nothing more is fetched or handed out. */
  readonly #ending = new AbortController();
  #buffered = 0;
  #recovering = false;
  #sequence = 0;
  #commit: Promise<void> | undefined;
  #nextCommit: Promise<void> | undefined;
  #settled: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    cluster: KafkaJsCluster,
    membership: GroupMembership,
    generation: Generation,
    settings: ConsumerSettings,
    positions: readonly PartitionOffset[],
    events: SessionEvents,
  ) {
    this.#cluster = cluster;
    this.#membership = membership;
    this.#generation = generation;
    this.#settings = settings;
    this.#events = events;
    this.#partitions = positions.map(({ topic, partition, offset }) => ({
      topic,
      partition,
      position: offset,
      next: offset,
      highWatermark: offset,
      buffered: 0,
      fetching: false,
      retryAt: 0,
      offsets: new DeliveredOffsets(offset),
    }));
  }

  get partitions(): number {
    return this.#partitions.length;
  }

  get lag(): number {
    return this.#partitions.reduce((sum, { highWatermark, next }) => sum + Math.max(0, highWatermark - next), 0);
  }

  /** Runs until the generation is over or the signal aborts; rejects when the coordinator is out of reach for too long. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.end();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    this.#fetch();
    try {
      await this.#beat();
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
      clearTimeout(this.#timer);
    }
  }

  /** Another generation is wanted: whoever gathers records stops now. */
  end(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#events.changed();
  }

  /** Whether more records may be delivered together with those: they are of this session, and it goes on. */
  goesOnAfter({ lost }: Polled): boolean {
    return lost === this.#lost.signal && !this.#ending.signal.aborted;
  }

  /**
   * Waits up to `wait` milliseconds for what was handed out, commits it, and lets go of the rest. The member must
   * go on telling that it lives meanwhile.
   */
  async settle(wait: number): Promise<void> {
    this.end();
    this.#chunks.length = 0;
    this.#returned.length = 0;
    const beating = new AbortController();
    void this.#keepAlive(beating.signal);
    try {
      if (!this.#lost.signal.aborted && this.#partitions.some(({ offsets }) => offsets.open)) {
        await within(wait, new Promise<void>((resolve) => (this.#settled = resolve)));
      }
      await within(
        Math.max(1_000, wait),
        this.#commitDue().catch(() => undefined),
      );
    } finally {
      beating.abort();
      this.lose();
    }
  }

  /** Others read these partitions now. */
  lose(): void {
    this.#ending.abort();
    this.#lost.abort();
    this.#events.changed();
  }

  /** The next records, or undefined when there are none now. */
  take(max: { events: number; bytes: number }): Polled | undefined {
    if (this.#ending.signal.aborted) return undefined;
    const pieces: Piece[] = [];
    let { events, bytes } = max;
    while (events > 0) {
      const piece = this.#next(events, bytes, pieces.length === 0);
      if (!piece) break;
      pieces.push(piece);
      events -= piece.records.length;
      bytes -= piece.records.valueBytes;
      if (bytes <= 0) break;
    }
    if (pieces.length === 0) return undefined;
    this.#fetch();
    return {
      pieces: pieces.map(({ state: { topic, partition }, records }) => ({ topic, partition, records })),
      events: max.events - events,
      lost: this.#lost.signal,
      done: () => this.#done(pieces),
      giveBack: () => this.#giveBack(pieces),
    };
  }

  #next(events: number, bytes: number, atLeastOne: boolean): Piece | undefined {
    const back = this.#returned[0];
    if (back) {
      const count = fitting(back.records, events, bytes, atLeastOne);
      if (count === 0) return undefined;
      this.#returned.shift();
      if (count === back.records.length) return back;
      const { state, records, sequence } = back;
      const [first, rest] = state.offsets.split(back.handed, records.offset(count));
      this.#returned.unshift({ state, records: records.slice(count, records.length), handed: rest, sequence });
      return { state, records: records.slice(0, count), handed: first, sequence };
    }
    for (let chunk = this.#chunks[0]; chunk; chunk = this.#chunks[0]) {
      const { state, records, start, end } = chunk;
      if (!records) {
        this.#chunks.shift();
        state.offsets.done(state.offsets.hand(start, end));
        state.next = end;
        continue;
      }
      const count = fitting(records, events, bytes, atLeastOne);
      if (count === 0) return undefined;
      const all = count === records.length;
      const until = all ? end : records.offset(count);
      const taken = records.slice(0, count);
      if (all) this.#chunks.shift();
      else this.#chunks[0] = { state, records: records.slice(count, records.length), start: until, end };
      state.buffered -= taken.valueBytes;
      this.#buffered -= taken.valueBytes;
      state.next = until;
      return { state, records: taken, handed: state.offsets.hand(start, until), sequence: this.#sequence++ };
    }
    return undefined;
  }

  async #done(pieces: readonly Piece[]): Promise<void> {
    if (this.#lost.signal.aborted) throw revoked();
    for (const { state, handed } of pieces) state.offsets.done(handed);
    if (!this.#partitions.some(({ offsets }) => offsets.open)) this.#settled?.();
    await this.#commitDue();
  }

  #giveBack(pieces: readonly Piece[]): void {
    if (this.#lost.signal.aborted) return;
    if (this.#ending.signal.aborted) {
      // They will never be done here: whoever reads the partition next begins with them.
      this.#settled?.();
      return;
    }
    this.#returned.push(...pieces);
    this.#returned.sort((a, b) => a.sequence - b.sequence || a.handed.start - b.handed.start);
    this.#events.changed();
  }

  /** Commits what can be; calls during a commit share the next one. */
  #commitDue(): Promise<void> {
    if (!this.#commit) {
      this.#commit = this.#commitNow().finally(() => (this.#commit = undefined));
      return this.#commit;
    }
    this.#nextCommit ??= this.#commit
      .catch(() => undefined)
      .then(() => {
        this.#nextCommit = undefined;
        return this.#commitDue();
      });
    return this.#nextCommit;
  }

  async #commitNow(): Promise<void> {
    for (;;) {
      if (this.#lost.signal.aborted) throw revoked();
      const due = this.#partitions.flatMap(({ topic, partition, offsets }) =>
        offsets.due === undefined ? [] : [{ topic, partition, offset: offsets.due, offsets }],
      );
      if (due.length === 0) return;
      try {
        await this.#membership.commit(this.#generation, due);
        for (const { offsets, offset } of due) offsets.committed(offset);
        return;
      } catch (error) {
        if (generationIsOver(error)) {
          this.lose();
          throw revoked();
        }
        const translated = translateError(error, this.#settings.connection, this.#settings.groupId);
        this.#events.trouble(translated);
        if (!isPassing(error)) throw translated;
      }
      await sleep(RETRY, this.#lost.signal);
    }
  }

  /** Heartbeats until the end; ends the session when the group goes on without it. */
  async #beat(): Promise<void> {
    const { heartbeatInterval, sessionTimeout } = this.#settings;
    const { signal } = this.#ending;
    let last = Date.now();
    let failed = false;
    for (;;) {
      await sleep(failed ? Math.min(RETRY, heartbeatInterval) : heartbeatInterval, signal);
      if (signal.aborted) return;
      try {
        await this.#membership.heartbeat(this.#generation);
        last = Date.now();
        if (failed) this.#events.trouble();
        failed = false;
      } catch (error) {
        if (asKafkaJsError(error).type === "REBALANCE_IN_PROGRESS") return;
        if (generationIsOver(error) || !isPassing(error) || Date.now() - last > sessionTimeout) {
          // By now the coordinator has given the partitions to others.
          this.lose();
          if (generationIsOver(error)) return;
          throw error;
        }
        failed = true;
        this.#events.trouble(translateError(error, this.#settings.connection, this.#settings.groupId));
      }
    }
  }

  async #keepAlive(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#settings.heartbeatInterval, signal);
      if (signal.aborted) return;
      // During a rebalance each answer says so, and still counts.
      await this.#membership.heartbeat(this.#generation).catch(() => undefined);
    }
  }

  /** Asks the leaders of partitions with room for more; one request under way per broker. */
  #fetch(): void {
    if (this.#ending.signal.aborted) return;
    const now = Date.now();
    const { maxPartitionBytes, fetchMaxBytes } = this.#settings;
    if (this.#buffered >= fetchMaxBytes) return;
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
    this.#timer = setTimeout(() => this.#fetch(), Math.max(1, wait));
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
        rotated(states, this.#sequence).map(({ topic, partition, position }) => ({
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
      this.#fetch();
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
        if (this.#ending.signal.aborted || nextOffset <= state.position) continue;
        const wanted = records && from(records, state.position);
        this.#chunks.push({
          state,
          records: wanted && wanted.length > 0 ? wanted : undefined,
          start: state.position,
          end: nextOffset,
        });
        state.position = nextOffset;
        state.buffered += wanted?.valueBytes ?? 0;
        this.#buffered += wanted?.valueBytes ?? 0;
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
      this.#chunks.push({ state, records: undefined, start: state.position, end: offset });
      state.position = offset;
      this.#events.changed();
    } catch (error) {
      state.retryAt = Date.now() + LONG_RETRY;
      this.#events.trouble(translateError(error, this.#settings.connection, state.topic));
    }
  }

  async #recover(error: unknown, states: readonly PartitionState[]): Promise<void> {
    const { signal } = this.#ending;
    if (signal.aborted) return;
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
    await sleep(Math.min(wait, RETRY), signal);
    await this.#cluster.refreshMetadata().catch((reason: unknown) => {
      // Its partitions are no longer asked for in the next generation; until then nobody learns of other leaders.
      if (isOfOneTopic(reason)) this.end();
      else this.#tell(reason);
    });
    this.#recovering = false;
    this.#fetch();
    this.#fetchAt(wait);
  }

  #tell(error: unknown, topic = this.#settings.groupId): void {
    this.#events.trouble(translateError(error, this.#settings.connection, topic));
  }
}

const LEADER_NOT_AVAILABLE = 5;

function revoked(): HeadraceError {
  return new HeadraceError("FLUME_KAFKA_REVOKED");
}

/** How many of the records fit, counted by their values; one at least when there are none before. */
function fitting(records: FetchedRecords, events: number, bytes: number, atLeastOne: boolean): number {
  const most = Math.min(records.length, events);
  if (records.valueBytes <= bytes) return most;
  let count = 0;
  for (let sum = 0; count < most; count++) {
    sum += records.valueSize(count);
    if (sum > bytes) break;
  }
  return count === 0 && atLeastOne ? 1 : count;
}

/** A batch may begin before the offset that was asked for. */
function from(records: FetchedRecords, position: number): FetchedRecords {
  let first = 0;
  while (first < records.length && records.offset(first) < position) first++;
  return records.slice(first, records.length);
}
