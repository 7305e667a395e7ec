import type { Clock } from "../../../lib/engine/clock.js";
import { ConsumerGroup, type EndOfReadOnly, type GroupSettings } from "./consumer-group.js";
import type { History } from "./history.js";
import { encodeLogGroup, type LogGroup } from "./log-groups.js";
import { parameterInvalid, ServiceError } from "./service-error.js";
import { Shard, type ShardRange } from "./shard.js";

export interface LogstoreSettings {
  readonly name: string;
  /** Writable shards at the beginning, with equal ranges of hash keys. */
  readonly shards: number;
  /** Seconds after which a group is no longer kept. */
  readonly ttl: number;
  /** Bytes of all kept groups; what would go beyond is refused. */
  readonly capacity: number;
  readonly endOfReadOnly: EndOfReadOnly;
}

/** The documented maximum. */
const MOST_GROUPS = 30;

export class Logstore {
  readonly name: string;
  readonly #settings: LogstoreSettings;
  readonly #clock: Clock;
  readonly #history: History;
  readonly #shards = new Map<number, Shard>();
  readonly #groups = new Map<string, ConsumerGroup>();
  #turn = 0;

  constructor(settings: LogstoreSettings, clock: Clock, history: History) {
    this.name = settings.name;
    this.#settings = settings;
    this.#clock = clock;
    this.#history = history;
    const step = KEYS / BigInt(settings.shards);
    for (let index = 0; index < settings.shards; index++) {
      const begin = step * BigInt(index);
      const end = index === settings.shards - 1 ? KEYS - 1n : step * BigInt(index + 1);
      this.#addShard({ begin: hexKey(begin), end: hexKey(end) }, []);
    }
  }

  get shards(): readonly Shard[] {
    return [...this.#shards.values()];
  }

  /** Seconds since 1970. */
  get #now(): number {
    return Math.floor(this.#clock.now() / 1_000);
  }

  /** @throws ServiceError when there is no such shard */
  shard(id: number): Shard {
    const shard = this.#shards.get(id);
    if (!shard) throw new ServiceError(400, "ShardNotExist", `Shard ${id} does not exist`);
    shard.trim(this.#now - this.#settings.ttl);
    return shard;
  }

  /**
   * Takes in a group that has been checked.
   * @param target a shard, or the hash key that chooses it; absent: the writable shards in turn (inferred)
   */
  append(group: { readonly bytes: Buffer; readonly logs: number }, target?: number | string): Shard {
    const shard = typeof target === "number" ? this.shard(target) : this.#writableFor(target);
    if (!shard.writable) throw new ServiceError(400, "ShardNotExist", `Shard ${shard.id} is read-only`);
    shard.trim(this.#now - this.#settings.ttl);
    const held = this.shards.reduce((sum, { bytes }) => sum + bytes, 0);
    if (held + group.bytes.length > this.#settings.capacity) {
      throw new ServiceError(403, "WriteQuotaExceed", `The emulator keeps ${this.#settings.capacity} bytes at most`);
    }
    shard.append({ ...group, receivedAt: this.#now });
    return shard;
  }

  /** For tests: logs without the way over HTTP. @returns the shard they went to */
  appendLogs(group: LogGroup, target?: number | string): number {
    return this.append({ bytes: encodeLogGroup(group), logs: group.logs.length }, target).id;
  }

  #writableFor(key: string | undefined): Shard {
    const writable = this.shards.filter((shard) => shard.writable);
    const shard =
      key === undefined
        ? writable[this.#turn++ % writable.length]
        : writable.find(({ range }) => key >= range.begin && (key < range.end || range.end === LAST_KEY));
    if (!shard) throw new ServiceError(400, "LogStoreWithoutShard", "The logstore has no writable shard");
    return shard;
  }

  /** @returns the parent and its two children */
  split(id: number, key: string): readonly Shard[] {
    const parent = this.#writable(id);
    const { begin, end } = parent.range;
    if (key <= begin || key >= end) throw parameterInvalid(`The key ${key} is not inside ${begin} … ${end}`);
    parent.close();
    const children = [this.#addShard({ begin, end: key }, [id]), this.#addShard({ begin: key, end }, [id])];
    this.#tellGroups();
    return [parent, ...children];
  }

  /** Merges a shard with its neighbour to the right. @returns both and their child */
  merge(id: number): readonly Shard[] {
    const left = this.#writable(id);
    const right = this.shards.find((shard) => shard.writable && shard.range.begin === left.range.end);
    if (!right) throw parameterInvalid(`Shard ${id} has no writable neighbour to its right`);
    left.close();
    right.close();
    const child = this.#addShard({ begin: left.range.begin, end: right.range.end }, [left.id, right.id]);
    this.#tellGroups();
    return [child, left, right];
  }

  #writable(id: number): Shard {
    const shard = this.shard(id);
    if (!shard.writable) throw parameterInvalid(`Shard ${id} is read-only`);
    return shard;
  }

  #addShard(range: ShardRange, parents: readonly number[]): Shard {
    const shard = new Shard(this.#shards.size, range, this.#now, parents);
    this.#shards.set(shard.id, shard);
    return shard;
  }

  #tellGroups(): void {
    for (const group of this.#groups.values()) group.shardsAre(this.#shards.values(), this.#clock.now());
  }

  get groups(): readonly ConsumerGroup[] {
    return [...this.#groups.values()];
  }

  /** @throws ServiceError when there is none of that name */
  group(name: string): ConsumerGroup {
    const group = this.#groups.get(name);
    if (!group) throw new ServiceError(404, "ConsumerGroupNotExist", `Consumer group ${name} does not exist`);
    return group;
  }

  createGroup(settings: GroupSettings): ConsumerGroup {
    if (this.#groups.has(settings.name)) {
      throw new ServiceError(400, "ConsumerGroupAlreadyExist", `Consumer group ${settings.name} exists`);
    }
    if (this.#groups.size >= MOST_GROUPS) {
      throw new ServiceError(403, "ConsumerGroupQuotaExceed", `A logstore has ${MOST_GROUPS} consumer groups at most`);
    }
    const group = new ConsumerGroup(settings, this.#history, this.#settings.endOfReadOnly);
    group.shardsAre(this.#shards.values(), this.#clock.now());
    this.#groups.set(settings.name, group);
    return group;
  }

  deleteGroup(name: string): void {
    this.group(name).end(this.#clock.now());
    this.#groups.delete(name);
  }
}

const KEYS = 1n << 128n;
const LAST_KEY = "f".repeat(32);

const hexKey = (key: bigint): string => key.toString(16).padStart(32, "0");
