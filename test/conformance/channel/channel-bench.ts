import { strict as assert } from "node:assert";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Channel, Consumer, Prepared, Take } from "../../../lib/engine/contracts.js";
import { NEVER } from "../../../lib/engine/delivery.js";
import { bodiesOf, textBatch } from "../../support/event-batches.js";
import type { Bench } from "../behaviours.js";

export interface ChannelSettings {
  readonly capacity: number;
  readonly transactionCapacity: number;
  /** Seconds. */
  readonly keepAlive: number;
  /** Of bodies and headers together; 0: the channel's own default. */
  readonly byteCapacity: number;
}

/** Makes the channels of one test. */
export interface ChannelFactory {
  /** A new and empty one, not started. */
  create(settings: ChannelSettings): Promise<Channel>;
  /** Milliseconds after which what was put is there to be taken; what a channel in this process needs by default. */
  readonly patience?: number;
  /** Frees and deletes all that it made; the channels are stopped. */
  dispose(): Promise<void>;
}

const DEFAULTS: ChannelSettings = { capacity: 100, transactionCapacity: 100, keepAlive: 0, byteCapacity: 0 };
/** A keep-alive that no test outlives. */
export const LONG = 3600;
const NO_LIMIT = Number.POSITIVE_INFINITY;
/** Of the channel under test. */
let patience = 30;
const PATIENCE_WITH_EVENTS = 1000;
/** Milliseconds for an event that has to come: from a server that a busy machine holds up, for instance. */
const PATIENCE_WITH_EXPECTED = 30_000;

export class ChannelBench implements Bench {
  readonly #factory: ChannelFactory;
  readonly #made: Channel[] = [];

  constructor(factory: ChannelFactory) {
    this.#factory = factory;
    patience = factory.patience ?? 30;
  }

  async unstarted(settings: Partial<ChannelSettings> = {}): Promise<Channel> {
    const channel = await this.#factory.create({ ...DEFAULTS, ...settings });
    this.#made.push(channel);
    return channel;
  }

  async open(settings: Partial<ChannelSettings> = {}): Promise<Channel> {
    const channel = await this.unstarted(settings);
    await channel.start();
    return channel;
  }

  async end(): Promise<void> {
    for (const channel of this.#made) await channel.stop();
    await this.#factory.dispose();
  }
}

/** Whose they are: only the channel knows whether there is still something to come. */
const channels = new WeakMap<Consumer, Channel>();

export function consumerOf(channel: Channel, maxLeases = 10): Consumer {
  const consumer = channel.connect({ id: "consumer", maxLeases });
  channels.set(consumer, channel);
  return consumer;
}

export function prepare(channel: Channel, ...texts: string[]): Promise<Prepared> {
  return channel.prepare(textBatch(...texts), NEVER);
}

export async function put(channel: Channel, ...texts: string[]): Promise<void> {
  await putBatch(channel, textBatch(...texts));
}

export async function putBatch(channel: Channel, batch: EventBatch): Promise<void> {
  await (await channel.prepare(batch, NEVER)).commit();
}

export async function take(consumer: Consumer, events = NO_LIMIT, bytes = NO_LIMIT): Promise<Take> {
  const taken = await consumer.take({ events, bytes }, NEVER);
  assert.ok(taken, "the consumer gave nothing");
  return taken;
}

export function bodies(taken: Take): string[] {
  return bodiesOf([taken.batch]);
}

/** The channel gives these, in this order, and nothing more. */
export async function assertGives(channel: Channel, expected: readonly string[], message?: string): Promise<void> {
  assert.deepEqual(await drain(channel, expected.length), expected, message);
}

/** Everything that the channel gives now, committed; as many as are expected are waited for. */
export async function drain(channel: Channel, expected = 0): Promise<string[]> {
  return bodiesOf(await drainBatches(channel, expected));
}

export async function drainBatches(channel: Channel, expected = 0): Promise<EventBatch[]> {
  const consumer = consumerOf(channel);
  const batches: EventBatch[] = [];
  // Nobody puts any more.
  for (let events = 0; ; ) {
    const taken = await takeNow(consumer, NO_LIMIT, events < expected ? PATIENCE_WITH_EXPECTED : patience);
    if (!taken) break;
    events += taken.batch.length;
    batches.push(taken.batch);
    await taken.commit();
  }
  await consumer.close();
  return batches;
}

/**
 * A take, or undefined when there is nothing to take. A channel that holds events gets more time: they may be on their
 * way from a disk that others use, or be taken already.
 */
export async function takeNow(consumer: Consumer, events = NO_LIMIT, within = patience): Promise<Take | undefined> {
  const enough = new AbortController();
  const isEmpty = () => (channels.get(consumer)?.size ?? 0) === 0;
  let timer = setTimeout(() => {
    if (isEmpty()) enough.abort();
    else timer = setTimeout(() => enough.abort(), PATIENCE_WITH_EVENTS);
  }, within);
  try {
    const taken = await consumer.take({ events, bytes: NO_LIMIT }, enough.signal);
    assert.notEqual(taken?.batch.length, 0, "the consumer gave a batch without events");
    return taken;
  } finally {
    clearTimeout(timer);
  }
}

/** All that it can hold fits in, and no more: what was reserved before has been given back. */
export async function assertRoomFor(channel: Channel, events: number): Promise<void> {
  const filling = await channel.prepare(textBatch(...Array.from({ length: events }, () => "x")), NEVER);
  const more = await channel.prepare(textBatch("y"), AbortSignal.abort()).catch(() => undefined);
  more?.abort();
  filling.abort();
  assert.equal(more, undefined, `more than ${events} events fit`);
}
