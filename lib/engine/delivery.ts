import { batchOf, type EventBatch, joinBatches } from "./batch.js";
import type { Inlet, Limits, Prepared, Route } from "./contracts.js";
import { asDeliveryError, batchTooLarge, DeliveryError, isDeliveryError } from "./errors.js";

/** Told of each route to an optional inlet that did not take its events. */
export type OnMiss = (route: Route) => void;

/** All that may follow one wire: `inlets` each get the whole batch. */
export function routesTo(inlets: readonly Inlet[], batch: EventBatch): readonly Route[] {
  return inlets.map((inlet) => ({ inlet, batch, optional: false }));
}

/** The routes with every interceptor and selector applied, down to the inlets that keep events. */
export function expandRoutes(routes: readonly Route[]): readonly Route[] | Promise<readonly Route[]> {
  return routes.some((route) => route.inlet.route) ? expandRouters(routes) : routes;
}

async function expandRouters(routes: readonly Route[]): Promise<readonly Route[]> {
  const ends: Route[] = [];
  for (const route of routes) {
    if (!route.inlet.route) {
      ends.push(route);
      continue;
    }
    const onward = await route.inlet.route(route.batch);
    const further = await expandRoutes(onward);
    for (const end of further) {
      if (end.batch.length === 0) continue;
      ends.push(route.optional && !end.optional ? { ...end, optional: true } : end);
    }
  }
  return ends;
}

/** The most that can be delivered to all of these at once. */
export function commonLimits(inlets: readonly Inlet[]): Limits {
  let events = Number.POSITIVE_INFINITY;
  let bytes = Number.POSITIVE_INFINITY;
  for (const { limits } of inlets) {
    events = Math.min(events, limits.events);
    bytes = Math.min(bytes, limits.bytes);
  }
  return { events, bytes };
}

/** Never aborts: for what must run to its end. */
export const NEVER: AbortSignal = new AbortController().signal;

/** Aborted from the start: an inlet asked with it admits at once or not at all. */
const AT_ONCE: AbortSignal = AbortSignal.abort();

/**
 * One batch on its way to the inlets at the ends of its routes: all of the required ones prepare, then
 * all commit. It remembers who accepted, so that another attempt goes only where it is still owed.
 */
export class Delivery {
  #owed: readonly Route[];
  readonly #accepted: Route[] = [];
  /** Some events of an owed route were accepted. */
  #partly = false;
  readonly #onMiss: OnMiss | undefined;

  constructor(routes: readonly Route[], onMiss?: OnMiss) {
    this.#owed = routes;
    this.#onMiss = onMiss;
  }

  /**
   * After a deploy: the same batch, by the routes of now, to whom it is still owed. Routers may decide anew, so what
   * is owed to an inlet that is still there stays owed to it. Where one is gone, its events may now be meant for any
   * other: then only inlets are spared that accepted this very batch. A duplicate rather than a loss.
   */
  reroute(routes: readonly Route[]): void {
    const now = new Map(routes.map(({ inlet }) => [inlet.id, inlet]));
    if (this.#accepted.length === 0 && !this.#partly) this.#owed = routes;
    else if (this.#owed.every(({ inlet }) => now.has(inlet.id))) {
      const known = new Set([...this.#owed, ...this.#accepted].map(({ inlet }) => inlet.id));
      const owed = this.#owed.map((route) => ({ ...route, inlet: now.get(route.inlet.id) as Inlet }));
      this.#owed = [...owed, ...routes.filter(({ inlet }) => !known.has(inlet.id))];
    } else {
      const has = (route: Route) =>
        this.#accepted.some(({ inlet, batch }) => inlet.id === route.inlet.id && batch === route.batch);
      this.#owed = routes.filter((route) => !has(route));
    }
  }

  /** What is owed now, apart from optional routes. */
  get owed(): readonly Route[] {
    return this.#owed.filter((route) => !route.optional);
  }

  /** Of a route that is owed, only these events still are (by index in its batch). */
  keepOnly(route: Route, indexes: readonly number[]): void {
    if (indexes.length === 0) {
      this.#owed = this.#owed.filter((one) => one !== route);
      this.#accepted.push(route);
      return;
    }
    this.#partly = true;
    const part = { ...route, batch: partOf(route.batch, indexes) };
    this.#owed = this.#owed.map((one) => (one === route ? part : one));
  }

  /** Rejects with DeliveryError; may then be attempted again. */
  async attempt(signal: AbortSignal): Promise<void> {
    const prepared = await this.prepare(signal);
    await prepared.commit();
  }

  /** The first half of an attempt: room everywhere. */
  prepare(signal: AbortSignal): Promise<Prepared> {
    const [first] = this.#owed;
    // One target is the common case, and this runs once a batch: no lists, no sorting. It either
    // accepts, and nothing is owed, or rejects, and all still is.
    if (first && this.#owed.length === 1 && !first.optional && this.#accepted.length === 0) {
      return this.#prepareOne(first, signal);
    }
    return this.#prepareAll(signal);
  }

  async #prepareOne(route: Route, signal: AbortSignal): Promise<Prepared> {
    const prepared = await route.inlet.prepare(route.batch, signal);
    return {
      commit: () => prepared.commit().catch((error: unknown) => this.#rejectOne(route, error)),
      abort: () => prepared.abort(),
    };
  }

  #rejectOne(route: Route, error: unknown): never {
    this.#keepFailed([route], error);
    throw error;
  }

  async #prepareAll(signal: AbortSignal): Promise<Prepared> {
    let shares: readonly Share[];
    const prepared: Prepared[] = [];
    const abort = () => {
      for (const one of prepared) one.abort();
    };
    try {
      shares = sharesOf(this.#owed.filter((route) => !route.optional));
      for (const { inlet, batch } of shares) prepared.push(await inlet.prepare(batch, signal));
    } catch (error) {
      abort();
      throw this.#rejection(error);
    }
    return { commit: () => this.#commitAll(shares, prepared), abort };
  }

  async #commitAll(shares: readonly Share[], prepared: readonly Prepared[]): Promise<void> {
    // One that throws instead of rejecting must not keep the others from being committed.
    const results = await Promise.allSettled(prepared.map(async (one) => one.commit()));
    const optional = this.#owed.filter((route) => route.optional);
    const rejected: { routes: readonly Route[]; error: unknown }[] = [];
    let reason: unknown;
    for (const [i, { routes }] of shares.entries()) {
      const result = results[i] as PromiseSettledResult<void>;
      if (result.status === "fulfilled") {
        this.#accepted.push(...routes);
      } else {
        reason ??= result.reason;
        rejected.push({ routes, error: result.reason });
      }
    }
    if (rejected.length > 0) {
      this.#owed = [...rejected.flatMap(({ routes }) => routes), ...optional];
      for (const { routes, error } of rejected) this.#keepFailed(routes, error);
      throw this.#rejection(reason);
    }
    this.#owed = [];
    for (const route of optional) void this.#tryOnce(route);
  }

  /** An inlet that tells which events failed has accepted the others. `routes` went to it as one batch. */
  #keepFailed(routes: readonly Route[], error: unknown): void {
    if (!isDeliveryError(error) || !error.failed) return;
    let start = 0;
    for (const route of routes) {
      const failed: number[] = [];
      for (let i = 0; i < route.batch.length; i++) if (error.failed.has(start + i)) failed.push(i);
      this.keepOnly(route, failed);
      start += route.batch.length;
    }
  }

  async #tryOnce(route: Route): Promise<void> {
    try {
      const prepared = await route.inlet.prepare(route.batch, AT_ONCE);
      await prepared.commit();
    } catch {
      this.#onMiss?.(route);
    }
  }

  #rejection(error: unknown): DeliveryError {
    const rejection = asDeliveryError(error);
    if (this.#accepted.length === 0 || rejection.outcome === "partial") return rejection;
    return new DeliveryError(rejection.code, {
      outcome: "partial",
      retry: rejection.retry,
      parameters: rejection.parameters,
      cause: rejection,
      ...(rejection.failed ? { failed: rejection.failed } : {}),
    });
  }
}

/** The events with these indexes. */
export function partOf(batch: EventBatch, indexes: readonly number[]): EventBatch {
  return batchOf(indexes.map((index) => batch.at(index)));
}

/** What one inlet gets in one attempt, by one way or by several. */
interface Share {
  readonly inlet: Inlet;
  readonly batch: EventBatch;
  readonly routes: readonly Route[];
}

/**
 * In one order for the whole flow, so that two fan-outs can never wait for each other. What reaches an inlet by
 * several ways enters it as one batch as far as its limits allow: asked for room a second time, a sink would
 * wait for its own first batch.
 * @throws BatchTooLarge when all that an inlet is to get can never be in it together
 */
function sharesOf(routes: readonly Route[]): readonly Share[] {
  const sorted = [...routes].sort((a, b) => (a.inlet.id < b.inlet.id ? -1 : a.inlet.id > b.inlet.id ? 1 : 0));
  const shares: Share[] = [];
  let again = false;
  for (const route of sorted) {
    const last = shares.at(-1);
    if (last && last.inlet === route.inlet && fitsWith(last.batch, route)) {
      const batch = joinBatches([last.batch, route.batch]);
      shares[shares.length - 1] = { inlet: route.inlet, batch, routes: [...last.routes, route] };
    } else {
      if (last?.inlet === route.inlet) again = true;
      shares.push({ inlet: route.inlet, batch: route.batch, routes: [route] });
    }
  }
  if (again) checkRoom(shares);
  return shares;
}

/** The second share of an inlet waits for room that the first has taken: where both cannot fit, it would wait for ever. */
function checkRoom(shares: readonly Share[]): void {
  const wanted = new Map<Inlet, { events: number; bytes: number }>();
  for (const { inlet, batch } of shares) {
    const { room } = inlet;
    if (!room) continue;
    const { events, bytes } = wanted.get(inlet) ?? { events: 0, bytes: 0 };
    const all = { events: events + batch.length, bytes: bytes + batch.bytes };
    if (all.events > room.events || all.bytes > room.bytes) throw batchTooLarge(all.events, all.bytes, room);
    wanted.set(inlet, all);
  }
}

function fitsWith(batch: EventBatch, { inlet, batch: more }: Route): boolean {
  const { events, bytes } = inlet.limits;
  return batch.length + more.length <= events && batch.bytes + more.bytes <= bytes;
}
