import { strict as assert } from "node:assert";
import fc from "fast-check";
import { batchOf } from "../../lib/engine/batch.js";
import type { Consumer, Prepared, Take } from "../../lib/engine/contracts.js";
import { Counters } from "../../lib/engine/counters.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { createEvent } from "../../lib/engine/event.js";
import { MemoryChannel, type MemoryChannelSettings } from "../../nodes/channels/memory/memory-channel.js";

/*
 * Random actions on a memory channel, and the same on a plain list that anybody can check by reading.
 */

interface Entry {
  readonly number: number;
  readonly bytes: number;
  state: "reserved" | "ready" | "taken";
}

interface Put {
  readonly entries: readonly Entry[];
  readonly signal: AbortController;
  /** Of the real one; undefined while it waits. */
  prepared: Prepared | undefined;
  error: unknown;
  readonly settled: Promise<void>;
}

/** The channel as a list: entries in order of admission, and puts that wait for room. */
class Model {
  readonly entries: Entry[] = [];
  readonly waiting: Put[] = [];
  capacity: number;
  transaction: number;
  bytes: number;

  constructor({ capacity, transactionCapacity, byteCapacity }: MemoryChannelSettings) {
    this.capacity = capacity;
    this.transaction = Math.min(transactionCapacity, capacity);
    this.bytes = byteCapacity;
  }

  get heldBytes(): number {
    return this.entries.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  tooLarge(entries: readonly Entry[]): boolean {
    return entries.length > this.transaction || bytesOf(entries) > this.bytes;
  }

  admitWaiting(): void {
    for (let first = this.waiting[0]; first && this.#fits(first.entries); first = this.waiting[0]) {
      this.waiting.shift();
      this.entries.push(...first.entries);
    }
  }

  remove(entries: Iterable<Entry>): void {
    for (const entry of entries) this.entries.splice(this.entries.indexOf(entry), 1);
    this.admitWaiting();
  }

  /** What a take may give now: from the first on that is not taken, until one that is not committed. */
  get available(): Entry[] {
    const available: Entry[] = [];
    for (const entry of this.entries) {
      if (entry.state === "reserved") break;
      if (entry.state === "ready") available.push(entry);
    }
    return available;
  }

  #fits(entries: readonly Entry[]): boolean {
    return this.entries.length + entries.length <= this.capacity && this.heldBytes + bytesOf(entries) <= this.bytes;
  }
}

const bytesOf = (entries: readonly Entry[]) => entries.reduce((sum, { bytes }) => sum + bytes, 0);
const settle = () => new Promise(setImmediate);

interface Real {
  readonly channel: MemoryChannel;
  readonly puts: Put[];
  readonly takes: { readonly take: Take; readonly entries: readonly Entry[]; readonly consumer: number }[];
  readonly consumers: Consumer[];
  next: number;
}

type Command = fc.AsyncCommand<Model, Real>;

/** Puts whose first half is over, and which wait for their second. */
function admitted(model: Model, real: Real): Put[] {
  return real.puts.filter((put) => !model.waiting.includes(put));
}

async function compare(model: Model, real: Real): Promise<void> {
  await settle();
  assert.equal(real.channel.size, model.entries.length);
  assert.equal(real.channel.bytes, model.heldBytes);
  for (const put of real.puts) {
    assert.equal(put.error, undefined);
    assert.equal(put.prepared === undefined, model.waiting.includes(put), "waits in both, or in neither");
  }
}

class Prepare implements Command {
  readonly sizes: readonly number[];

  constructor(sizes: readonly number[]) {
    this.sizes = sizes;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const entries = this.sizes.map((bytes): Entry => ({ number: real.next++, bytes, state: "reserved" }));
    // The number of an event stands in its body as far as there is room, and its place in the batch tells the rest.
    const events = entries.map(({ number, bytes }) => createEvent(Buffer.alloc(bytes, number % 256)));
    const signal = new AbortController();
    const preparing = real.channel.prepare(batchOf(events), signal.signal);
    const put: Put = { entries, signal, prepared: undefined, error: undefined, settled: Promise.resolve() };
    Object.assign(put, {
      settled: preparing.then(
        (prepared) => void (put.prepared = prepared),
        (error: unknown) => void (put.error = error),
      ),
    });
    if (model.tooLarge(entries)) {
      await put.settled;
      assert.ok(isHeadraceError(put.error) && put.error.code === "FLUME_BATCH_TOO_LARGE");
      return;
    }
    model.waiting.push(put);
    real.puts.push(put);
    model.admitWaiting();
    await compare(model, real);
  }

  toString(): string {
    return `prepare(${this.sizes.join()})`;
  }
}

/** Ends the first half of a put, by one of the ways to do so. */
class EndPut implements Command {
  readonly how: "commit" | "abort";
  readonly choice: number;

  constructor(how: "commit" | "abort", choice: number) {
    this.how = how;
    this.choice = choice;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const open = admitted(model, real);
    const put = open[this.choice % Math.max(1, open.length)];
    if (!put) return;
    real.puts.splice(real.puts.indexOf(put), 1);
    if (this.how === "commit") {
      await put.prepared?.commit();
      for (const entry of put.entries) entry.state = "ready";
    } else {
      put.prepared?.abort();
      model.remove(put.entries);
    }
    await compare(model, real);
  }

  toString(): string {
    return `${this.how}(${this.choice})`;
  }
}

class Withdraw implements Command {
  readonly choice: number;

  constructor(choice: number) {
    this.choice = choice;
  }

  check(model: Readonly<Model>): boolean {
    return model.waiting.length > 0;
  }

  async run(model: Model, real: Real): Promise<void> {
    const [put] = model.waiting.splice(this.choice % model.waiting.length, 1);
    assert.ok(put);
    real.puts.splice(real.puts.indexOf(put), 1);
    put.signal.abort();
    await put.settled;
    assert.ok(isHeadraceError(put.error) && put.error.code === "FLUME_DELIVERY_ABORTED");
    model.admitWaiting();
    await compare(model, real);
  }

  toString(): string {
    return `withdraw(${this.choice})`;
  }
}

class TakeSome implements Command {
  readonly consumer: number;
  readonly events: number;
  readonly bytes: number;

  constructor(consumer: number, events: number, bytes: number) {
    this.consumer = consumer;
    this.events = events;
    this.bytes = bytes;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const consumer = real.consumers[this.consumer];
    const { available } = model;
    // With nothing there it would wait.
    if (!consumer || available.length === 0) return;
    const take = await consumer.take({ events: this.events, bytes: this.bytes }, NEVER);
    assert.ok(take);
    const { length } = take.batch;
    const entries = available.slice(0, length);
    assert.ok(length >= 1 && length <= this.events, `${length} events`);
    assert.ok(length === 1 || take.batch.bytes <= this.bytes, `${take.batch.bytes} bytes`);
    assert.deepEqual(
      [...take.batch].map(({ body }) => [...new Set(body)].concat(body.length)),
      entries.map(({ number, bytes }) => (bytes === 0 ? [0] : [number % 256, bytes])),
    );
    for (const entry of entries) entry.state = "taken";
    real.takes.push({ take, entries, consumer: this.consumer });
    await compare(model, real);
  }

  toString(): string {
    return `take(${this.consumer}, ${this.events}, ${this.bytes})`;
  }
}

class EndTake implements Command {
  readonly how: "commit" | "rollback";
  readonly choice: number;

  constructor(how: "commit" | "rollback", choice: number) {
    this.how = how;
    this.choice = choice;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    if (real.takes.length === 0) return;
    const [ended] = real.takes.splice(this.choice % real.takes.length, 1);
    assert.ok(ended);
    await ended.take[this.how]();
    if (this.how === "commit") model.remove(ended.entries);
    else for (const entry of ended.entries) entry.state = "ready";
    await compare(model, real);
  }

  toString(): string {
    return `${this.how}Take(${this.choice})`;
  }
}

class CloseConsumer implements Command {
  readonly consumer: number;

  constructor(consumer: number) {
    this.consumer = consumer;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    await real.consumers[this.consumer]?.close();
    real.consumers[this.consumer] = connect(real.channel, this.consumer);
    const lost = real.takes.filter(({ consumer }) => consumer === this.consumer);
    for (const { take, entries } of lost) {
      await assert.rejects(take.commit(), { code: "FLUME_LEASE_LOST" });
      for (const entry of entries) entry.state = "ready";
    }
    real.takes.splice(0, real.takes.length, ...real.takes.filter((taken) => !lost.includes(taken)));
    await compare(model, real);
  }

  toString(): string {
    return `close(${this.consumer})`;
  }
}

class Resize implements Command {
  readonly capacity: number;
  readonly transactionCapacity: number;
  readonly byteCapacity: number;

  constructor(capacity: number, transactionCapacity: number, byteCapacity: number) {
    this.capacity = capacity;
    this.transactionCapacity = transactionCapacity;
    this.byteCapacity = byteCapacity;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const settings = settingsOf(this);
    real.channel.resize(settings);
    Object.assign(model, new Model(settings), { entries: model.entries, waiting: model.waiting });
    for (const put of model.waiting.filter(({ entries }) => model.tooLarge(entries))) {
      model.waiting.splice(model.waiting.indexOf(put), 1);
      real.puts.splice(real.puts.indexOf(put), 1);
      await put.settled;
      assert.ok(isHeadraceError(put.error) && put.error.code === "FLUME_BATCH_TOO_LARGE");
    }
    model.admitWaiting();
    await compare(model, real);
  }

  toString(): string {
    return `resize(${this.capacity}, ${this.transactionCapacity}, ${this.byteCapacity})`;
  }
}

function settingsOf(sizes: { capacity: number; transactionCapacity: number; byteCapacity: number }) {
  const { capacity, transactionCapacity, byteCapacity } = sizes;
  return { capacity, transactionCapacity, byteCapacity, keepAlive: 3600, byteCapacityBufferPercentage: 0 };
}

function connect(channel: MemoryChannel, index: number): Consumer {
  return channel.connect({ id: `consumer ${index}`, maxLeases: 1000 });
}

const choice = fc.nat({ max: 20 });
const commands = [
  fc.array(fc.nat({ max: 8 }), { minLength: 1, maxLength: 6 }).map((sizes) => new Prepare(sizes)),
  fc
    .tuple(fc.constantFrom("commit" as const, "commit" as const, "abort" as const), choice)
    .map(([how, which]) => new EndPut(how, which)),
  choice.map((which) => new Withdraw(which)),
  fc
    .tuple(fc.nat({ max: 1 }), fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 20 }))
    .map((given) => new TakeSome(...given)),
  fc
    .tuple(fc.constantFrom("commit" as const, "rollback" as const), choice)
    .map(([how, which]) => new EndTake(how, which)),
  fc.nat({ max: 1 }).map((consumer) => new CloseConsumer(consumer)),
  fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 40 }))
    .map((given) => new Resize(...given)),
];

describe("memory channel, against a plain list", () => {
  it("does the same, whatever is done to it", async () => {
    const property = fc.asyncProperty(fc.commands(commands, { size: "large", maxCommands: 80 }), async (run) => {
      const settings = settingsOf({ capacity: 8, transactionCapacity: 5, byteCapacity: 30 });
      const model = new Model(settings);
      const channel = new MemoryChannel("channel", settings, new Counters());
      const consumers = [connect(channel, 0), connect(channel, 1)];
      const real: Real = { channel, puts: [], takes: [], consumers, next: 1 };
      try {
        await fc.asyncModelRun(() => ({ model, real }), run);
        await emptyOut(model, real);
      } finally {
        await channel.stop();
        await Promise.all(real.puts.map((put) => put.settled));
      }
    });
    await fc.assert(property, { numRuns: 2000, timeout: 5000 });
  });
});

/** Whatever went before: everything comes out in order, and nothing stays behind. */
async function emptyOut(model: Model, real: Real): Promise<void> {
  for (const { take, entries } of real.takes.splice(0).reverse()) {
    await take.rollback();
    for (const entry of entries) entry.state = "ready";
  }
  while (real.puts.length > 0 || model.available.length > 0) {
    await new EndPut("commit", 0).run(model, real);
    await new TakeSome(0, 5, 1000).run(model, real);
    await new EndTake("commit", 0).run(model, real);
  }
  assert.deepEqual([real.channel.size, real.channel.bytes], [0, 0]);
}
