import { Bag } from "./bag.js";
import { Backoff, sleep, within } from "./backoff.js";
import type { Channel, Consumer, Inlet, Limits, Take } from "./contracts.js";
import { commonLimits, Delivery, expandRoutes, type OnMiss, routesTo } from "./delivery.js";
import { isDeliveryError, isHeadraceError } from "./errors.js";
import { isolate } from "./poison.js";
import type { RefusalExit } from "./refusal.js";
import { nextLoopTurn, turnIsOver } from "./turn.js";

/** Waits after a rejected delivery, in milliseconds (Flume's sink runner: 5 s after each exception). */
const FIRST_WAIT = 250;
const LONGEST_WAIT = 5000;
/** How long a stop waits for deliveries under way, in milliseconds. */
const STOP_WAIT = 3000;

/** What is wired behind a node, as it changes with deploys. */
export interface Wiring {
  /** What is wired now; waits through a deploy and while nothing is. Rejects when the signal aborts. */
  inlets(signal: AbortSignal): Promise<readonly Inlet[]> | readonly Inlet[];
}

export interface RunnerEvents {
  /** A delivery was rejected (it is tried again), or, with nothing, is accepted after one that was. */
  report(error?: unknown): void;
  onMiss: OnMiss;
  /** Where events go that fail again and again; without it they are tried for ever. */
  readonly poison?: PoisonPolicy | undefined;
}

/** What becomes of a batch that always fails behind an inlet that tells which events failed. */
export interface PoisonPolicy {
  /** After so many it is sent in parts, to find the events that fail alone. */
  readonly attempts: number;
  readonly exit: RefusalExit;
}

/**
 * Takes from a channel and delivers to what is wired behind it: the loop of Flume's sink runner. A take is
 * committed once every inlet has accepted its batch; until then it is retried where it is still owed.
 */
export class ChannelRunner {
  readonly #channel: Channel;
  readonly #id: string;
  readonly #wiring: Wiring;
  readonly #events: RunnerEvents;
  #stop = new AbortController();
  #running: Promise<void> | undefined;
  #underWay = 0;
  #consumer: Consumer | undefined;
  /** Most events in the next take: less than what is asked for after a batch that turned out too large. */
  #most = Number.POSITIVE_INFINITY;

  constructor(channel: Channel, id: string, wiring: Wiring, events: RunnerEvents) {
    this.#channel = channel;
    this.#id = id;
    this.#wiring = wiring;
    this.#events = events;
  }

  start(): void {
    if (this.#running) return;
    this.#stop = new AbortController();
    this.#running = this.#run(this.#stop.signal);
  }

  /**
   * Takes no more; waits for the deliveries under way, but not for ever: a sink that hangs loses its takes,
   * which go back into the channel.
   */
  async stop(): Promise<void> {
    this.#stop.abort();
    if (this.#running && !(await within(STOP_WAIT, this.#running))) await this.#consumer?.close();
    this.#running = undefined;
  }

  /** True while a taken batch is on its way. */
  get busy(): boolean {
    return this.#underWay > 0;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const inlets = await this.#targets(signal);
      if (!inlets) return;
      const leases = leasesFor(inlets);
      // Another number of leases is another consumer; it changes only with a deploy.
      await this.#consume(leases, signal);
    }
  }

  async #consume(leases: number, signal: AbortSignal): Promise<void> {
    const underWay = new Bag<Promise<void>>();
    let consumer: Consumer | undefined;
    try {
      consumer = this.#channel.connect({ id: this.#id, maxLeases: leases });
      this.#consumer = consumer;
      while (!signal.aborted) {
        if (turnIsOver()) await nextLoopTurn();
        // Not awaited where they are known: this is done for every batch.
        const wired = this.#wiring.inlets(signal);
        const inlets = wired instanceof Promise ? await this.#unlessStopped(wired, signal) : wired;
        if (!inlets || leasesFor(inlets) !== leases) break;
        // Waits for events, and while all leases are out.
        const take = await consumer.take(this.#takeSize(inlets), signal);
        if (!take) continue;
        if (leases === 1) {
          await this.#deliver(take, signal);
          continue;
        }
        const one: Promise<void> = this.#deliver(take, signal).finally(() => underWay.delete(one));
        underWay.add(one);
      }
      await Promise.all(underWay.list());
    } catch (error) {
      this.#events.report(error);
      await sleep(LONGEST_WAIT, signal);
    } finally {
      await consumer?.close();
    }
  }

  /** As much as each inlet can take, and asks for, and as one transaction of the channel holds. */
  #takeSize(inlets: readonly Inlet[]): Limits {
    const { events, bytes } = commonLimits(inlets);
    let most = Math.min(events, this.#channel.limits.events, this.#most);
    for (const { takeSize } of inlets) most = Math.min(most, takeSize);
    return { events: most, bytes };
  }

  async #targets(signal: AbortSignal): Promise<readonly Inlet[] | undefined> {
    return await this.#unlessStopped(this.#wiring.inlets(signal), signal);
  }

  async #unlessStopped(
    inlets: Promise<readonly Inlet[]> | readonly Inlet[],
    signal: AbortSignal,
  ): Promise<readonly Inlet[] | undefined> {
    try {
      return await inlets;
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  async #deliver(take: Take, signal: AbortSignal): Promise<void> {
    this.#underWay++;
    try {
      // Looked up now: the wires may have changed while there was nothing to take.
      const wired = this.#wiring.inlets(signal);
      const inlets = wired instanceof Promise ? await this.#unlessStopped(wired, signal) : wired;
      if (inlets && (await this.#deliverOwed(take, inlets, signal))) await take.commit();
      else await take.rollback();
    } catch (error) {
      // Only a commit or rollback comes here: the lease was lost, or the channel itself is in trouble.
      if (isHeadraceError(error) && error.code === "FLUME_LEASE_LOST") return;
      this.#events.report(error);
      await sleep(LONGEST_WAIT, signal);
      await take.rollback().catch(() => undefined);
    } finally {
      this.#underWay--;
    }
  }

  /** True when every inlet accepted; false when stopped before, or when it is to be taken again in smaller pieces. */
  async #deliverOwed(take: Take, first: readonly Inlet[], signal: AbortSignal): Promise<boolean> {
    const backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT);
    let inlets = first;
    let delivery: Delivery | undefined;
    let replaced = false;
    let attempts = 0;
    for (let failures = 0; ; failures++) {
      try {
        if (!delivery) {
          delivery = new Delivery(await expandRoutes(routesTo(inlets, take.batch)), this.#events.onMiss);
        }
        if (attempts >= (this.#events.poison?.attempts ?? Number.POSITIVE_INFINITY)) {
          attempts = 0;
          await this.#letPoisonOut(delivery, signal);
        }
        await delivery.attempt(signal);
        if (failures > 0) this.#events.report();
        this.#most *= 2;
        return true;
      } catch (error) {
        if (signal.aborted || take.lost.aborted) return false;
        // A deploy may have lowered the limits, or an interceptor made events larger.
        if (take.batch.length > 1 && isHeadraceError(error) && error.code === "FLUME_BATCH_TOO_LARGE") {
          this.#most = Math.ceil(take.batch.length / 2);
          return false;
        }
        // A target that a deploy replaces or takes away hands its work back: that is no problem to show.
        replaced = isHeadraceError(error) && error.code === "FLUME_STOPPED";
        if (!replaced) this.#events.report(error);
        // Not an outage: what is behind has had these events, and could not do with them.
        if (isDeliveryError(error) && error.failed && error.code !== "FLUME_STOPPED") attempts++;
      }
      await sleep(backoff.next(), signal);
      const now = await this.#targets(signal);
      if (!now) return false;
      const changed = now !== inlets;
      inlets = now;
      // Routers may decide anew and a deploy may have replaced inlets; who accepted is remembered by id.
      if (delivery && (replaced || changed)) {
        try {
          delivery.reroute(await expandRoutes(routesTo(now, take.batch)));
        } catch (error) {
          this.#events.report(error);
        }
      }
    }
  }

  /** Events that fail even alone leave by the node's dead-letter way; throws when there is none. */
  async #letPoisonOut(delivery: Delivery, signal: AbortSignal): Promise<void> {
    for (const route of delivery.owed) {
      const { accepted, poison } = await isolate(route, signal);
      const left = (without: { has(index: number): boolean }) =>
        Array.from({ length: route.batch.length }, (_, i) => i).filter((i) => !accepted.has(i) && !without.has(i));
      try {
        if (poison.size > 0) await this.#events.poison?.exit.deliver(route.batch, poison, signal);
        delivery.keepOnly(route, left(poison));
      } catch (error) {
        // They stay, and so the others do not wait for them any more.
        delivery.keepOnly(route, left(new Set()));
        throw error;
      }
    }
  }
}

/** What the slowest allows; inlets that do not care ask for one at a time, which keeps the order. */
function leasesFor(inlets: readonly Inlet[]): number {
  let most = Number.POSITIVE_INFINITY;
  for (const { maxInFlight } of inlets) most = Math.min(most, maxInFlight);
  return Number.isFinite(most) ? Math.max(1, most) : 1;
}
