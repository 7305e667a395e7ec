import type { EventBatch } from "../../../lib/engine/batch.js";
import type { PortInlets, Router } from "../../../lib/engine/component.js";
import type { Route } from "../../../lib/engine/contracts.js";
import type { Counters } from "../../../lib/engine/counters.js";
import { optionalRoutes, requiredRoutes } from "./port-routes.js";

/** Every event to every channel. */
export class ReplicatingSelector implements Router {
  readonly #channels: readonly { readonly name: string; readonly optional: boolean }[];
  readonly #counters: Counters;

  constructor(channels: readonly { readonly name: string; readonly optional: boolean }[], counters: Counters) {
    this.#channels = channels;
    this.#counters = counters;
  }

  route(batch: EventBatch, ports: PortInlets): readonly Route[] {
    const routes: Route[] = [];
    for (const [port, { name, optional }] of this.#channels.entries()) {
      if (!optional) routes.push(...requiredRoutes(ports, port, name, batch));
    }
    // After all that may throw: what an unwired optional channel misses is counted once.
    for (const [port, { optional }] of this.#channels.entries()) {
      if (optional) routes.push(...optionalRoutes(ports, port, batch, this.#counters));
    }
    return routes;
  }
}
