import type { Epoch, History } from "./history.js";
import { ServiceError } from "./service-error.js";
import { isBase64, type Shard } from "./shard.js";

/** The states that the service's makers have published; the names are theirs. */
export type ShardState = "wait" | "not_alloc" | "already_alloc" | "transfer" | "over";

export interface GroupSettings {
  readonly name: string;
  /** Seconds. */
  readonly timeout: number;
  readonly order: boolean;
}

export interface Checkpoint {
  readonly shard: number;
  readonly checkpoint: string;
  /** Microseconds since 1970; 0 when none was ever saved. */
  readonly updateTime: number;
  readonly consumer: string;
}

export interface CheckpointRequest {
  readonly shard: number;
  readonly checkpoint: string;
  /** Empty when the caller named none. */
  readonly consumer: string;
  readonly force: boolean;
}

/** One shard in the eyes of one group. */
interface Slot {
  readonly shard: Shard;
  state: ShardState;
  /** In `already_alloc` and `transfer`. */
  holder: Member | undefined;
  /** In `transfer`: who gets it when the holder's heartbeat stops listing it. */
  next: Member | undefined;
  epoch: Epoch | undefined;
  checkpoint: string;
  savedAt: number;
  savedBy: string;
}

interface Member {
  readonly name: string;
  beatAt: number;
}

/**
 * - `on-write`: a read-only shard is over when a checkpoint at its end is written after it became read-only, as published.
 * - `at-once`: also when the checkpoint was there before. Inferred: which of the two the real service does.
 */
export type EndOfReadOnly = "on-write" | "at-once";

/**
 * The members of one consumer group and which shards they hold: the published automaton. Time passes when a call says what
 * time it is.
 */
export class ConsumerGroup {
  readonly #history: History;
  readonly #endOfReadOnly: EndOfReadOnly;
  #settings: GroupSettings;
  readonly #slots = new Map<number, Slot>();
  readonly #members = new Map<string, Member>();

  constructor(settings: GroupSettings, history: History, endOfReadOnly: EndOfReadOnly) {
    this.#settings = settings;
    this.#history = history;
    this.#endOfReadOnly = endOfReadOnly;
  }

  get settings(): GroupSettings {
    return this.#settings;
  }

  /** Names of the members that have not timed out. */
  members(now: number): readonly string[] {
    this.settle(now);
    return [...this.#members.keys()];
  }

  stateOf(shard: number): ShardState | undefined {
    return this.#slots.get(shard)?.state;
  }

  /** Who holds the shard, also while it is being transferred away. */
  holderOf(shard: number): string | undefined {
    return this.#slots.get(shard)?.holder?.name;
  }

  /** From true to false every waiting shard is freed; from false to true only later shards are concerned (published). */
  change(settings: Partial<GroupSettings>, now: number): void {
    this.settle(now);
    this.#settings = { ...this.#settings, ...settings };
    if (!this.#settings.order) {
      for (const slot of this.#slots.values()) if (slot.state === "wait") slot.state = "not_alloc";
    }
    this.#balance(now);
  }

  /** The logstore has these shards now: at the group's creation, and after a split or a merge. */
  shardsAre(shards: Iterable<Shard>, now: number): void {
    for (const shard of shards) {
      if (this.#slots.has(shard.id)) continue;
      this.#slots.set(shard.id, {
        shard,
        state: this.#settings.order && !this.#ancestorsAreOver(shard) ? "wait" : "not_alloc",
        holder: undefined,
        next: undefined,
        epoch: undefined,
        checkpoint: "",
        savedAt: 0,
        savedBy: "",
      });
    }
    if (this.#endOfReadOnly === "at-once") {
      for (const slot of this.#slots.values()) if (slot.checkpoint !== "") this.#endIfRead(slot, now);
    }
    this.#balance(now);
  }

  /** Members that did not beat within the timeout lose what they hold. */
  settle(now: number): void {
    const patience = this.#settings.timeout * 1_000;
    const late = new Set([...this.#members.values()].filter(({ beatAt }) => now - beatAt > patience));
    if (late.size === 0) return;
    for (const member of late) this.#members.delete(member.name);
    for (const slot of this.#slots.values()) {
      if (slot.next && late.has(slot.next)) this.#keep(slot);
      if (!slot.holder || !late.has(slot.holder)) continue;
      const heir = slot.next;
      this.#take(slot, "evicted", now);
      if (heir) this.#give(slot, heir, now);
    }
    this.#balance(now);
  }

  /** @returns what the member is to hold */
  heartbeat(consumer: string, reported: readonly number[], now: number): readonly number[] {
    this.settle(now);
    let member = this.#members.get(consumer);
    if (!member) {
      if (reported.length > 0) {
        throw new ServiceError(400, "NotExistConsumerWithBody", `Consumer ${consumer} does not exist, but sent shards`);
      }
      member = { name: consumer, beatAt: now };
      this.#members.set(consumer, member);
    }
    member.beatAt = now;
    for (const slot of this.#slots.values()) {
      // Inferred: only a shard in transfer is given away by not being listed. A member that lists nothing, because it has
      // just been started again under the same name, gets the shards that it held.
      const { next } = slot;
      if (slot.state !== "transfer" || slot.holder !== member || !next || reported.includes(slot.shard.id)) continue;
      this.#take(slot, "handed over", now);
      this.#give(slot, next, now);
    }
    this.#balance(now);
    const reply: number[] = [];
    for (const slot of this.#slots.values()) {
      if (slot.state !== "already_alloc" || slot.holder !== member) continue;
      if (slot.epoch) slot.epoch.toldAt ??= now;
      reply.push(slot.shard.id);
    }
    return reply;
  }

  save(request: CheckpointRequest, now: number): void {
    this.settle(now);
    const slot = this.#slots.get(request.shard);
    if (!slot) throw new ServiceError(404, "ShardNotExist", `Shard ${request.shard} does not exist`);
    if (!isBase64(request.checkpoint)) {
      throw new ServiceError(400, "InvalidShardCheckPoint", `Checkpoint ${request.checkpoint} is not base64`);
    }
    if (!request.force) {
      if (request.consumer === "") throw new ServiceError(400, "ParameterInvalid", "Without consumer force it");
      const member = this.#members.get(request.consumer);
      if (!member) throw new ServiceError(404, "ConsumerNotExist", `Consumer ${request.consumer} does not exist`);
      if (slot.holder !== member) {
        // Inferred: the code is in all official clients, its HTTP status is nowhere.
        const whose = slot.holder ? `held by ${slot.holder.name}` : "held by nobody";
        throw new ServiceError(
          400,
          "ConsumerNotMatch",
          `Shard ${request.shard} is ${whose}, not by ${request.consumer}`,
        );
      }
    }
    slot.checkpoint = request.checkpoint;
    slot.savedAt = now;
    slot.savedBy = request.consumer;
    this.#endIfRead(slot, now);
    this.#balance(now);
  }

  checkpoints(): readonly Checkpoint[] {
    return [...this.#slots.values()].map(({ shard, checkpoint, savedAt, savedBy }) => ({
      shard: shard.id,
      checkpoint,
      updateTime: savedAt * 1_000,
      consumer: savedBy,
    }));
  }

  /** The group is deleted. */
  end(now: number): void {
    for (const slot of this.#slots.values()) if (slot.holder) this.#take(slot, "group deleted", now);
    this.#members.clear();
  }

  /** After a checkpoint was written: whether the shard is over, or, when it was set back, is so no longer. */
  #endIfRead(slot: Slot, now: number): void {
    if (slot.shard.writable) return;
    const atEnd = slot.shard.placeOf(slot.checkpoint) >= slot.shard.end;
    if (atEnd && slot.state !== "over") {
      if (slot.holder) this.#take(slot, "read to its end", now);
      slot.state = "over";
      for (const other of this.#slots.values()) {
        if (other.state === "wait" && this.#ancestorsAreOver(other.shard)) other.state = "not_alloc";
      }
    } else if (!atEnd && slot.state === "over") slot.state = "not_alloc";
  }

  #ancestorsAreOver(shard: Shard): boolean {
    return shard.parents.every((parent) => {
      const slot = this.#slots.get(parent);
      return slot === undefined || slot.state === "over";
    });
  }

  #load(member: Member): number {
    let load = 0;
    for (const slot of this.#slots.values()) if ((slot.next ?? slot.holder) === member) load++;
    return load;
  }

  #byLoad(): readonly { readonly member: Member; readonly load: number }[] {
    return [...this.#members.values()]
      .map((member) => ({ member, load: this.#load(member) }))
      .sort((a, b) => a.load - b.load);
  }

  /** Gives free shards to those who have least, and moves others until the counts differ by one at most (published). */
  #balance(now: number): void {
    if (this.#members.size === 0) return;
    for (const slot of this.#slots.values()) {
      if (slot.state !== "not_alloc") continue;
      const least = this.#byLoad()[0];
      if (least) this.#give(slot, least.member, now);
    }
    for (;;) {
      const members = this.#byLoad();
      const least = members[0];
      const most = members.at(-1);
      if (!least || !most || most.load - least.load <= 1) return;
      // Inferred: which shard moves. Here one that is already on the move, else the youngest.
      const theirs = [...this.#slots.values()].filter((slot) => (slot.next ?? slot.holder) === most.member);
      const moving = theirs.find((slot) => slot.state === "transfer") ?? theirs.at(-1);
      if (!moving) return;
      if (moving.holder === least.member) {
        this.#keep(moving);
        continue;
      }
      moving.state = "transfer";
      moving.next = least.member;
      if (moving.epoch) moving.epoch.leavingAt ??= now;
    }
  }

  #give(slot: Slot, member: Member, now: number): void {
    slot.state = "already_alloc";
    slot.holder = member;
    slot.next = undefined;
    slot.epoch = {
      group: this.#settings.name,
      shard: slot.shard.id,
      consumer: member.name,
      from: now,
      toldAt: undefined,
      leavingAt: undefined,
      until: undefined,
      why: undefined,
    };
    this.#history.epochs.add(slot.epoch);
  }

  /** A transfer that comes to nothing. */
  #keep(slot: Slot): void {
    slot.state = "already_alloc";
    slot.next = undefined;
    if (slot.epoch) slot.epoch.leavingAt = undefined;
  }

  #take(slot: Slot, why: NonNullable<Epoch["why"]>, now: number): void {
    if (slot.epoch) {
      slot.epoch.until = now;
      slot.epoch.why = why;
    }
    slot.epoch = undefined;
    slot.holder = undefined;
    slot.next = undefined;
    slot.state = "not_alloc";
  }
}
