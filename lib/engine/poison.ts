import type { Route } from "./contracts.js";
import { partOf } from "./delivery.js";
import { type HeadraceError, isDeliveryError } from "./errors.js";

/** What became of the events of a batch that were sent again in smaller and smaller parts. By index. */
export interface Isolated {
  readonly accepted: ReadonlySet<number>;
  /** They fail even alone. */
  readonly poison: ReadonlyMap<number, HeadraceError>;
}

/**
 * Finds out which events of a batch can never be delivered, and delivers the others. Events fail together that a flow
 * has merged into one message, so the part that fails is halved until it is one event.
 */
export async function isolate(route: Route, signal: AbortSignal): Promise<Isolated> {
  const accepted = new Set<number>();
  const poison = new Map<number, HeadraceError>();

  /** False when something else is in the way: a deploy, or a stop. */
  const deliver = async (indexes: readonly number[]): Promise<boolean> => {
    let failed: ReadonlyMap<number, HeadraceError>;
    try {
      const prepared = await route.inlet.prepare(partOf(route.batch, indexes), signal);
      await prepared.commit();
      failed = new Map();
    } catch (error) {
      if (!isDeliveryError(error) || !error.failed) return false;
      failed = error.failed;
    }
    for (const [i, index] of indexes.entries()) if (!failed.has(i)) accepted.add(index);
    for (const { code } of failed.values()) if (code === "FLUME_STOPPED") return false;
    const [first] = failed;
    if (!first) return true;
    const left = indexes.filter((_, i) => failed.has(i));
    if (indexes.length === 1) {
      poison.set(indexes[0] as number, first[1]);
      return true;
    }
    if (left.length < indexes.length) return await deliver(left);
    const half = Math.ceil(left.length / 2);
    return (await deliver(left.slice(0, half))) && (await deliver(left.slice(half)));
  };

  await deliver(Array.from({ length: route.batch.length }, (_, i) => i));
  return { accepted, poison };
}
