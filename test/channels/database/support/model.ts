import { strict as assert } from "node:assert";
import { batchOf, type EventBatch } from "../../../../lib/engine/batch.js";
import type { Channel, Consumer, Take } from "../../../../lib/engine/contracts.js";
import { NEVER } from "../../../../lib/engine/delivery.js";
import { copyHeaders, createEvent } from "../../../../lib/engine/event.js";

export type Action =
  | { readonly do: "put"; readonly events: number; readonly bodyBytes: number }
  | { readonly do: "putTogether"; readonly puts: number; readonly events: number; readonly aborted: number }
  | { readonly do: "take"; readonly most: number }
  | { readonly do: "commit"; readonly which: number }
  | { readonly do: "rollback"; readonly which: number }
  | { readonly do: "reopen" }
  /** The process ends without a word. */
  | { readonly do: "crash" }
  /** The database goes away while puts are under way. */
  | { readonly do: "cut"; readonly puts: number };

/** A channel that the model drives. */
export interface ModelledChannel {
  open(): Promise<Channel>;
  /** What is open is over as at the end of its process; `open` gives what is left. */
  crash(channel: Channel): Promise<void>;
  /** Breaks what there is between channel and database, where that can be. */
  cut?(): Promise<void>;
}

interface OpenTake {
  readonly take: Take;
  readonly numbers: readonly number[];
}

const LEASES = 4;
/** Milliseconds. */
const PATIENCE = 20_000;

/** Does each action on the channel and on a plain list, and compares. */
export class ModelRun {
  readonly #subject: ModelledChannel;
  #channel!: Channel;
  #consumer!: Consumer;
  /** Acknowledged and not committed, in order of admission. */
  #held: number[] = [];
  #out: OpenTake[] = [];
  #next = 0;

  constructor(subject: ModelledChannel) {
    this.#subject = subject;
  }

  async start(): Promise<void> {
    await this.#open();
  }

  async apply(action: Action): Promise<void> {
    switch (action.do) {
      case "put":
        return await this.#putTogether(1, action.events, 0, action.bodyBytes);
      case "putTogether":
        return await this.#putTogether(action.puts, action.events, action.aborted, 10);
      case "take":
        return await this.#take(action.most);
      case "commit":
        return await this.#end(action.which, true);
      case "rollback":
        return await this.#end(action.which, false);
      case "reopen":
        await this.#channel.stop();
        this.#out = [];
        return await this.#open();
      case "crash":
        await this.#subject.crash(this.#channel);
        this.#out = [];
        return await this.#open();
      case "cut":
        return await this.#cut(action.puts);
    }
  }

  /** Everything that is left comes out, in order, and then nothing. */
  async finish(): Promise<void> {
    for (const { take } of this.#out.splice(0)) await take.rollback();
    while (this.#held.length > 0) {
      await this.#take(7);
      await this.#end(0, true);
    }
    assert.equal(this.#channel.size, 0);
    const more = await this.#consumer.take(only(1), AbortSignal.timeout(50));
    assert.equal(more, undefined, "an event more than was put");
    await this.#channel.stop();
  }

  async #open(): Promise<void> {
    this.#channel = await this.#subject.open();
    this.#consumer = this.#channel.connect({ id: "model", maxLeases: LEASES });
    assert.equal(this.#channel.size, this.#held.length);
  }

  async #putTogether(puts: number, events: number, aborted: number, bodyBytes: number): Promise<void> {
    const gone = new Set(Array.from({ length: aborted }, (_, i) => (i * 2) % puts));
    const prepared = [];
    for (let i = 0; i < puts; i++) {
      const first = this.#next;
      this.#next += events;
      const put = await this.#channel.prepare(batch(first, events, bodyBytes), NEVER);
      prepared.push({ first, put, aborted: gone.has(i) });
    }
    // The order is that of admission, whoever commits first.
    const ends = prepared.toReversed().map(async ({ put, aborted: givenUp }) => {
      if (givenUp) put.abort();
      else await put.commit();
    });
    await Promise.all(ends);
    for (const { first, aborted: givenUp } of prepared) if (!givenUp) this.#hold(first, events);
  }

  #hold(first: number, events: number): void {
    for (let number = first; number < first + events; number++) this.#held.push(number);
  }

  async #take(most: number): Promise<void> {
    const taken = new Set(this.#out.flatMap(({ numbers }) => numbers));
    const there = this.#held.filter((number) => !taken.has(number));
    if (there.length === 0 || this.#out.length === LEASES) return;
    const take = await this.#consumer.take(only(most), AbortSignal.timeout(PATIENCE));
    assert.ok(take, `${there.length} events are there and none is given`);
    const numbers = [...take.batch].map((event) => {
      const number = Number.parseInt(event.body.toString(), 10);
      assert.deepEqual({ ...event.headers }, { ...headers(number) }, `headers of ${number}`);
      return number;
    });
    assert.ok(numbers.length > 0 && numbers.length <= most);
    assert.deepEqual(numbers, there.slice(0, numbers.length));
    this.#out.push({ take, numbers });
  }

  async #end(which: number, commit: boolean): Promise<void> {
    const [open] = this.#out.splice(which % Math.max(1, this.#out.length), 1);
    if (!open) return;
    if (!commit) return await open.take.rollback();
    await open.take.commit();
    const gone = new Set(open.numbers);
    this.#held = this.#held.filter((number) => !gone.has(number));
  }

  async #cut(puts: number): Promise<void> {
    const { cut } = this.#subject;
    if (!cut) return;
    const prepared = [];
    for (let i = 0; i < puts; i++) {
      const first = this.#next;
      this.#next += 5;
      prepared.push({ first, put: await this.#channel.prepare(batch(first, 5, 10), NEVER) });
    }
    const cutting = cut();
    const ended = prepared.map(({ first, put }) =>
      put.commit().then(
        () => first,
        () => undefined,
      ),
    );
    for (const first of await Promise.all(ended)) if (first !== undefined) this.#hold(first, 5);
    await cutting;
    // Refused at once while there is no connection.
    for (;;) {
      const probe = await this.#channel.prepare(batch(0, 1, 0), NEVER).catch(() => undefined);
      probe?.abort();
      if (probe) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

const only = (events: number) => ({ events, bytes: Number.POSITIVE_INFINITY });

function batch(first: number, length: number, bodyBytes: number): EventBatch {
  return batchOf(
    Array.from({ length }, (_, i) =>
      createEvent(Buffer.from(String(first + i).padEnd(bodyBytes, ".")), headers(first + i)),
    ),
  );
}

/** Some have headers, such as databases and JSON are easily wrong with. */
function headers(number: number) {
  if (number % 3 !== 0) return undefined;
  const all = copyHeaders();
  all["number"] = String(number);
  if (number % 2 === 0) Object.assign(all, { ключ: "值 \u0000\u0001 \ud800 '\"\\", "": "" });
  if (number % 5 === 0) Object.defineProperty(all, "__proto__", { value: "x", enumerable: true });
  return all;
}
