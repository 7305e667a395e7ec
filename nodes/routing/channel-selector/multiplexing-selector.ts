import { batchOf, type EventBatch } from "../../../lib/engine/batch.js";
import type { PortInlets, Router } from "../../../lib/engine/component.js";
import type { Route } from "../../../lib/engine/contracts.js";
import type { Counters } from "../../../lib/engine/counters.js";
import { DeliveryError, HeadraceError } from "../../../lib/engine/errors.js";
import type { FlumeEvent } from "../../../lib/engine/event.js";
import type { RefusalExit } from "../../../lib/engine/refusal.js";
import { optionalRoutes, requiredRoutes } from "./port-routes.js";
import { type MappedChannel, type Targets, ValueMap } from "./value-map.js";

/** Each event to the channels that the value of one header leads to; refuses those that it leads nowhere. */
export class MultiplexingSelector implements Router {
  readonly #header: string;
  readonly #channels: readonly MappedChannel[];
  readonly #map: ValueMap;
  readonly #counters: Counters;
  readonly #refusal: RefusalExit | undefined;

  constructor(
    header: string,
    channels: readonly MappedChannel[],
    counters: Counters,
    refusal: RefusalExit | undefined,
  ) {
    this.#header = header;
    this.#channels = channels;
    this.#map = new ValueMap(channels);
    this.#counters = counters;
    this.#refusal = refusal;
  }

  /** @throws DeliveryError when an output that is needed is not wired, or refused events block. */
  route(batch: EventBatch, ports: PortInlets): readonly Route[] {
    const shares = new Shares(batch, this.#channels.length);
    const refused = new Map<number, HeadraceError>();
    for (let i = 0; i < batch.length; i++) {
      const event = batch.at(i);
      const value = event.headers[this.#header];
      const targets = this.#map.targets(value);
      if (targets) shares.add(event, targets);
      else refused.set(i, this.#notMapped(value));
    }
    const routes: Route[] = [];
    for (const [port, { name }] of this.#channels.entries()) {
      const share = shares.required(port);
      if (share) routes.push(...requiredRoutes(ports, port, name, share));
    }
    if (refused.size > 0) routes.push(...this.#refuse(batch, refused));
    for (const port of this.#channels.keys()) {
      const share = shares.optional(port);
      if (share) routes.push(...optionalRoutes(ports, port, share, this.#counters));
    }
    return routes;
  }

  #refuse(batch: EventBatch, refused: ReadonlyMap<number, HeadraceError>): readonly Route[] {
    if (this.#refusal) return this.#refusal.routes(batch, refused);
    const [first] = refused.values();
    throw new DeliveryError("FLUME_HEADER_NOT_MAPPED", { refused, parameters: (first as HeadraceError).parameters });
  }

  #notMapped(value: string | undefined): HeadraceError {
    return new HeadraceError("FLUME_HEADER_NOT_MAPPED", { header: this.#header, value: (value ?? "").slice(0, 100) });
  }
}

/** What each channel gets of one batch. */
class Shares {
  readonly #batch: EventBatch;
  readonly #required: (FlumeEvent[] | undefined)[];
  readonly #optional: (FlumeEvent[] | undefined)[];

  constructor(batch: EventBatch, channels: number) {
    this.#batch = batch;
    this.#required = new Array<FlumeEvent[] | undefined>(channels);
    this.#optional = new Array<FlumeEvent[] | undefined>(channels);
  }

  add(event: FlumeEvent, { required, optional }: Targets): void {
    for (const port of required) (this.#required[port] ??= []).push(event);
    for (const port of optional) (this.#optional[port] ??= []).push(event);
  }

  required(port: number): EventBatch | undefined {
    return this.#share(this.#required[port]);
  }

  optional(port: number): EventBatch | undefined {
    return this.#share(this.#optional[port]);
  }

  #share(events: FlumeEvent[] | undefined): EventBatch | undefined {
    if (!events) return undefined;
    return events.length === this.#batch.length ? this.#batch : batchOf(events);
  }
}
