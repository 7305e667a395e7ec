import { batchOf, type EventBatch } from "./batch.js";
import type { RefusalPolicy } from "./common-properties.js";
import type { Inlet, Route } from "./contracts.js";
import type { Counters } from "./counters.js";
import { Delivery, expandRoutes, routesTo } from "./delivery.js";
import { DeliveryError, type HeadraceError } from "./errors.js";
import { copyHeaders, createEvent, type FlumeEvent } from "./event.js";

export type Refused = ReadonlyMap<number, HeadraceError>;

/** Headers that tell, at the dead-letter port, why an event is there. */
export const REFUSED_CODE = "flume.refused.code";
export const REFUSED_REASON = "flume.refused.reason";
export const REFUSED_BY = "flume.refused.by";

/** Where a node's refused events go. One per node that can refuse. */
export class RefusalExit {
  readonly #policy: RefusalPolicy;
  readonly #node: string;
  readonly #counters: Counters;
  readonly #deadLetter: () => readonly Inlet[];

  /** `deadLetter`: what is wired to the dead-letter port now. */
  constructor(policy: RefusalPolicy, node: string, counters: Counters, deadLetter: () => readonly Inlet[]) {
    this.#policy = policy;
    this.#node = node;
    this.#counters = counters;
    this.#deadLetter = deadLetter;
  }

  /**
   * Routes for the refused events of `batch`: none when they are dropped.
   * @throws DeliveryError when the policy is to block, or nothing is wired to the dead-letter port.
   */
  routes(batch: EventBatch, refused: Refused): readonly Route[] {
    const inlets = this.#policy === "port" ? this.#deadLetter() : [];
    if (this.#policy === "block" || (this.#policy === "port" && inlets.length === 0)) throw blocked(refused);
    if (this.#policy === "drop") {
      this.#counters.add("EventDropCount", refused.size);
      return [];
    }
    this.#counters.add("EventDeadLetterCount", refused.size);
    return routesTo(inlets, this.#explained(batch, refused));
  }

  /** Delivers the refused events of `batch` to where they go; resolves when the rest may be written. */
  async deliver(batch: EventBatch, refused: Refused, signal: AbortSignal): Promise<void> {
    const routes = this.routes(batch, refused);
    if (routes.length > 0) await new Delivery(await expandRoutes(routes)).attempt(signal);
  }

  #explained(batch: EventBatch, refused: Refused): EventBatch {
    const events: FlumeEvent[] = [];
    for (const [index, error] of refused) {
      const event = batch.at(index);
      const headers = copyHeaders(event.headers);
      headers[REFUSED_CODE] = error.code;
      headers[REFUSED_REASON] = error.message;
      headers[REFUSED_BY] = this.#node;
      events.push(createEvent(event.body, headers));
    }
    return batchOf(events);
  }
}

function blocked(refused: Refused): DeliveryError {
  const [first] = refused.values();
  const { code, parameters } = first as HeadraceError;
  return new DeliveryError(code, { refused, parameters, cause: first });
}
