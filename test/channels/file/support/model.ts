import { strict as assert } from "node:assert";
import type { Consumer, Prepared, Take } from "../../../../lib/engine/contracts.js";
import { NEVER } from "../../../../lib/engine/delivery.js";
import type { FileChannel } from "../../../../nodes/channels/file/file-channel.js";
import { events, numbersOf, takeSome } from "../../support/work.js";
import { openChannel } from "./channels.js";
import { lockFreely, onDisk, type Random, SimulatedDisk } from "./simulated-disk.js";

export type Action =
  | { readonly do: "put"; readonly events: number; readonly bodyBytes: number }
  /** Several puts under way, committed in another order than prepared. */
  | { readonly do: "putTogether"; readonly puts: number; readonly events: number; readonly aborted: number }
  | { readonly do: "take"; readonly most: number }
  | { readonly do: "commit"; readonly which: number }
  | { readonly do: "rollback"; readonly which: number }
  | { readonly do: "checkpoint" }
  | { readonly do: "roll" }
  | { readonly do: "reopen" }
  /** Puts and a commit are under way when, so many calls of the disk later, the process ends or the power goes. */
  | {
      readonly do: "kill" | "losePower";
      readonly after: number;
      readonly puts: number;
      readonly bodyBytes: number;
      readonly commit: boolean;
    }
  /** The next call of this kind fails. */
  | { readonly do: "fail"; readonly call: "write" | "sync"; readonly puts: number };

interface Lease {
  readonly take: Take;
  readonly numbers: number[];
}

/**
 * A channel on a simulated disk, beside the plainest thing that behaves as it should: a list of numbers. After
 * each opening the two are compared; where a fault left it open what happened, the channel may choose, within
 * what is promised.
 */
export class ModelRun {
  readonly #random: Random;
  #disk = new SimulatedDisk();
  #channel: FileChannel | undefined;
  #consumer: Consumer | undefined;
  #next = 0;
  /** Put, answered, not taken; in order. */
  #queued: number[] = [];
  #leases: Lease[] = [];
  /** Committed takes that no sync has followed: a power failure may bring them back. */
  #unsynced = new Set<number>();
  /** May be there or not after the next opening. */
  #maybe = new Set<number>();

  constructor(random: Random) {
    this.#random = random;
  }

  async start(): Promise<void> {
    await this.#open();
  }

  /** Closes, opens and compares once more. */
  async finish(): Promise<void> {
    await this.apply({ do: "reopen" });
    await this.#channel?.stop();
  }

  async apply(action: Action): Promise<void> {
    switch (action.do) {
      case "put":
        await this.#put(action.events, action.bodyBytes);
        break;
      case "putTogether":
        await this.#putTogether(action);
        break;
      case "take":
        await this.#take(action.most);
        break;
      case "commit":
        await this.#commit(action.which);
        break;
      case "rollback":
        await this.#rollback(action.which);
        break;
      case "checkpoint":
        await this.#open_.checkpoint();
        break;
      case "roll":
        await this.#open_.roll();
        this.#unsynced.clear();
        break;
      case "reopen":
        this.#giveBackLeases();
        await this.#open_.stop();
        this.#unsynced.clear();
        await this.#open();
        break;
      case "kill":
      case "losePower":
        await this.#fault(action);
        break;
      case "fail":
        await this.#fail(action);
        break;
    }
  }

  get #open_(): FileChannel {
    if (!this.#channel) throw new Error("The channel is not open.");
    return this.#channel;
  }

  async #open(): Promise<void> {
    const { channel } = await openChannel(
      onDisk(),
      { largestSegment: 32 * 1024, minimumFree: 0 },
      { fileSystem: this.#disk, lock: lockFreely },
    );
    this.#channel = channel;
    const found = await this.#contents();
    for (const number of this.#queued) {
      if (!this.#maybe.has(number)) assert.ok(found.includes(number), `lost: ${number}`);
    }
    const allowed = new Set([...this.#queued, ...this.#maybe]);
    for (const number of found) assert.ok(allowed.has(number), `not to be here: ${number}`);
    assert.deepEqual(
      found,
      [...new Set(found)].sort((a, b) => a - b),
      "out of order, or twice",
    );
    assert.equal(channel.size, found.length);
    this.#queued = found;
    this.#maybe.clear();
    this.#consumer = channel.connect({ id: "model", maxLeases: 4 });
  }

  /** Everything in the channel, which is left as it was. */
  async #contents(): Promise<number[]> {
    const { size } = this.#open_;
    const consumer = this.#open_.connect({ id: "look", maxLeases: Number.POSITIVE_INFINITY });
    const numbers: number[] = [];
    while (numbers.length < size) {
      const take = await takeSome(consumer, 7);
      assert.ok(take, `the channel says ${size} events, and gives ${numbers.length}`);
      numbers.push(...numbersOf(take.batch));
    }
    await consumer.close();
    return numbers;
  }

  async #put(count: number, bodyBytes: number): Promise<void> {
    const first = this.#number(count);
    const committed = [...this.#unsynced];
    const prepared = await this.#open_.prepare(events(first, count, bodyBytes), NEVER);
    await prepared.commit();
    this.#queued.push(...range(first, count));
    for (const number of committed) this.#unsynced.delete(number);
  }

  async #putTogether(action: { puts: number; events: number; aborted: number }): Promise<void> {
    const prepared: { first: number; prepared: Prepared }[] = [];
    for (let i = 0; i < action.puts; i++) {
      const first = this.#number(action.events);
      prepared.push({ first, prepared: await this.#open_.prepare(events(first, action.events), NEVER) });
    }
    const shuffled = [...prepared].sort(() => this.#random() - 0.5);
    await Promise.all(
      shuffled.map(async (one, i) => {
        if (i < action.aborted) one.prepared.abort();
        else {
          await one.prepared.commit();
          this.#queued.push(...range(one.first, action.events));
        }
      }),
    );
    this.#queued.sort((a, b) => a - b);
  }

  async #take(most: number): Promise<void> {
    if (this.#queued.length === 0 || this.#leases.length >= 4) return;
    const take = await takeSome(this.#consumer as Consumer, most);
    assert.ok(take, "nothing was given though something is there");
    const numbers = numbersOf(take.batch);
    assert.ok(numbers.length > 0 && numbers.length <= most);
    assert.deepEqual(numbers, this.#queued.slice(0, numbers.length), "not the first in order");
    this.#queued.splice(0, numbers.length);
    this.#leases.push({ take, numbers });
  }

  async #commit(which: number): Promise<void> {
    const lease = this.#leases.splice(which % Math.max(1, this.#leases.length), 1)[0];
    if (!lease) return;
    await lease.take.commit();
    for (const number of lease.numbers) this.#unsynced.add(number);
  }

  async #rollback(which: number): Promise<void> {
    const lease = this.#leases.splice(which % Math.max(1, this.#leases.length), 1)[0];
    if (!lease) return;
    await lease.take.rollback();
    this.#queue(lease.numbers);
  }

  async #fault(action: {
    do: "kill" | "losePower";
    after: number;
    puts: number;
    bodyBytes: number;
    commit: boolean;
  }): Promise<void> {
    const stopped = this.#disk.stopAfter(action.after + 1);
    const underWay: Promise<unknown>[] = [];
    for (let i = 0; i < action.puts; i++) {
      const first = this.#number(3);
      for (const number of range(first, 3)) this.#maybe.add(number);
      underWay.push(
        this.#putThree(first, action.bodyBytes).then(() => {
          this.#queued.push(...range(first, 3));
          for (const number of range(first, 3)) this.#maybe.delete(number);
        }),
      );
    }
    const lease = action.commit ? this.#leases.shift() : undefined;
    if (lease) {
      for (const number of lease.numbers) this.#maybe.add(number);
      underWay.push(
        lease.take.commit().then(() => {
          for (const number of lease.numbers) {
            this.#maybe.delete(number);
            this.#unsynced.add(number);
          }
        }),
      );
    }
    await Promise.race([stopped, Promise.all(underWay).catch(() => undefined)]);
    this.#giveBackLeases();
    if (action.do === "kill") this.#disk = this.#disk.kill();
    else {
      // Some takes of the last moments may have been synced since.
      for (const number of this.#unsynced) this.#maybe.add(number);
      this.#disk = this.#disk.losePower(this.#random);
    }
    if (action.do === "losePower") this.#unsynced.clear();
    this.#queued = this.#queued.filter((number) => !this.#maybe.has(number)).sort((a, b) => a - b);
    await this.#open();
  }

  async #putThree(first: number, bodyBytes: number): Promise<void> {
    const prepared = await this.#open_.prepare(events(first, 3, bodyBytes), NEVER);
    await prepared.commit();
  }

  async #fail(action: { call: "write" | "sync"; puts: number }): Promise<void> {
    let armed = true;
    this.#disk.fault = (call, path) => {
      if (!armed || call !== action.call || !path.includes("log-")) return;
      armed = false;
      throw Object.assign(new Error("EIO: simulated"), { code: "EIO" });
    };
    for (let i = 0; i < action.puts; i++) {
      const first = this.#number(2);
      try {
        const prepared = await this.#open_.prepare(events(first, 2), NEVER);
        await prepared.commit();
        this.#queued.push(...range(first, 2));
      } catch {
        // Refused: it must not be given now. After a fault it may be: it was never said to be safe, nor not to be.
        for (const number of range(first, 2)) this.#maybe.add(number);
      }
    }
    this.#disk.fault = undefined;
  }

  #giveBackLeases(): void {
    for (const { numbers } of this.#leases.splice(0)) this.#queue(numbers);
  }

  #queue(numbers: readonly number[]): void {
    this.#queued.push(...numbers);
    this.#queued.sort((a, b) => a - b);
  }

  #number(count: number): number {
    const first = this.#next;
    this.#next += count;
    return first;
  }
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
