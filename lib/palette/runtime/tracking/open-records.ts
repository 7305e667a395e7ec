import { type EventOwner, EventRecord, type Failure } from "./event-record.js";
import { MessageIds } from "./message-ids.js";
import { NumberedTable } from "./numbered-table.js";

const NO_PARENTS: readonly EventRecord[] = [];
/** Records that failed or were given up and are remembered: their events come again, so what is still sent for them is not late. */
const MOST_FAILED = 20_000;

/** All records that are not settled. Settles a record once nothing has held it open for one turn. */
export class OpenRecords {
  readonly #ids = new MessageIds();
  readonly #open = new NumberedTable<EventRecord>();
  /** Children that messages of other flows belong to, by their `_msgid`. */
  readonly #foreign = new Map<string, EventRecord>();
  /** In order of creation, so parents that are children come before their own children. */
  readonly #children = new Set<EventRecord>();
  readonly #failed = new Set<number>();
  #released: EventRecord[] = [];

  /** Events under way. */
  get events(): number {
    return this.#open.size - this.#children.size;
  }

  /** Everything that is kept: nothing may be left when all has settled. */
  get size(): number {
    return this.#open.size + this.#foreign.size;
  }

  byNumber(number: number): EventRecord | undefined {
    return this.#open.get(number);
  }

  /** By the `_msgid` of a message. */
  byId(id: unknown): EventRecord | undefined {
    const number = this.#ids.numberIn(id);
    const own = number === undefined ? undefined : this.#open.get(number);
    return own ?? (this.#foreign.size > 0 && typeof id === "string" ? this.#foreign.get(id) : undefined);
  }

  /** The number in one of our `_msgid`s. */
  numberIn(id: unknown): number | undefined {
    return this.#ids.numberIn(id);
  }

  /** The `_msgid` of the first message of an event. */
  idOf(record: EventRecord): string {
    return this.#ids.of(record.number);
  }

  /** Whether the record of this number, which is not open, came to its end without a failure. */
  endedWell(number: number): boolean {
    return !this.#failed.has(number);
  }

  /** A new event, held open by whoever hands it over. */
  openEvent(owner: EventOwner, index: number): EventRecord {
    const record = new EventRecord(this.#open.nextNumber(), NO_PARENTS, undefined, owner, index);
    record.holds = 1;
    this.#open.add(record);
    return record;
  }

  /** A message that belongs to all of `parents`; held open by nothing yet, so the caller must. */
  openChild(parents: readonly EventRecord[], rescues?: Failure): EventRecord {
    const record = new EventRecord(this.#open.nextNumber(), parents, rescues);
    for (const parent of parents) parent.holds++;
    this.#open.add(record);
    this.#children.add(record);
    return record;
  }

  /** Messages that lose their token may be found by this id, unless another record is. */
  nameChild(record: EventRecord, id: unknown): void {
    if (typeof id !== "string" || record.foreignId !== undefined) return;
    const other = this.byId(id);
    if (other) {
      other.sharesId = true;
      return;
    }
    record.foreignId = id;
    this.#foreign.set(id, record);
  }

  addParent(record: EventRecord, parent: EventRecord): void {
    if (record.over || parent.over || parent === record || record.parents.includes(parent)) return;
    record.parents = [...record.parents, parent];
    parent.holds++;
  }

  hold(record: EventRecord): void {
    record.holds++;
  }

  /**
   * At zero, looks again in the next turn: Catch, Complete and link call open the same record again in the
   * same call stack, and a microtask would be too early for a Switch.
   */
  release(record: EventRecord): void {
    record.holds--;
    if (record.holds > 0 || record.over) return;
    if (this.#released.length === 0) setImmediate(() => this.#settleReleased());
    this.#released.push(record);
  }

  fail(record: EventRecord, failure: Failure): void {
    if (!record.over) record.failures = [...record.failures, failure];
  }

  /** The events that these records belong to. */
  eventsOf(records: Iterable<EventRecord>): ReadonlySet<EventRecord> {
    const all = new Set(records);
    for (const { parents } of all) for (const parent of parents) all.add(parent);
    for (const record of all) if (record.over || record.parents.length > 0) all.delete(record);
    return all;
  }

  /** Settles events as failed without waiting for what is left of them. */
  failNow(events: ReadonlySet<EventRecord>, failure: Failure): void {
    const told = [...events].map(({ owner, index, failures }) => ({ owner, index, first: failures[0] }));
    this.abort(events);
    for (const { owner, index, first } of told) owner?.settled(index, first ?? failure);
  }

  /** Gives events up, and the children that belong to nobody any more. Whoever waits for them is not told. */
  abort(events: Iterable<EventRecord>): void {
    for (const record of events) if (!record.over) this.#abort(record);
    for (const child of this.#children) {
      if (child.parents.every((parent) => parent.over)) this.#abort(child);
    }
  }

  #abort(record: EventRecord): void {
    this.#rememberFailed(record.number);
    this.#forget(record);
    // A child may go while one of its parents stays.
    for (const parent of record.parents) if (!parent.over) this.release(parent);
    record.parents = NO_PARENTS;
  }

  #settleReleased(): void {
    const released = this.#released;
    this.#released = [];
    for (const record of released) if (record.holds === 0 && !record.over) this.#settle(record);
  }

  #settle(record: EventRecord): void {
    const [failure] = record.failures;
    const { owner, parents, index } = record;
    if (failure) this.#rememberFailed(record.number);
    this.#forget(record);
    // One of several messages was accepted: that says nothing of the others, unless all are the same event's.
    const accepted = record.accepted && (!record.doubtful || areRescuesOfOneEvent(parents));
    for (const parent of parents) {
      if (failure) this.fail(parent, failure);
      else if (record.rescues && record.accepted) this.#takeBack(parent, record.rescues);
      if (accepted) parent.accepted = true;
      this.release(parent);
    }
    record.parents = NO_PARENTS;
    owner?.settled(index, failure);
  }

  #takeBack(record: EventRecord, failure: Failure): void {
    record.failures = record.failures.filter((one) => one !== failure);
  }

  #forget(record: EventRecord): void {
    record.over = true;
    record.owner = undefined;
    this.#open.delete(record);
    this.#children.delete(record);
    if (record.foreignId !== undefined) this.#foreign.delete(record.foreignId);
  }

  #rememberFailed(number: number): void {
    this.#failed.add(number);
    if (this.#failed.size <= MOST_FAILED) return;
    const [oldest] = this.#failed;
    this.#failed.delete(oldest as number);
  }
}

function areRescuesOfOneEvent(records: readonly EventRecord[]): boolean {
  const [first] = records;
  return records.every(({ rescues, parents }) => rescues !== undefined && parents[0] === first?.parents[0]);
}
