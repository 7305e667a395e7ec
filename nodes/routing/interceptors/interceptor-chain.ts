import type { EventBatch } from "../../../lib/engine/batch.js";
import type { PortInlets, Router } from "../../../lib/engine/component.js";
import type { Route } from "../../../lib/engine/contracts.js";
import { routesTo } from "../../../lib/engine/delivery.js";
import { DeliveryError } from "../../../lib/engine/errors.js";
import type { RefusalExit } from "../../../lib/engine/refusal.js";
import { InterceptedBatch } from "./intercepted-batch.js";
import type { Interceptor } from "./interceptor.js";

/** Sends each batch through all interceptors, in order, and on to the output. */
export class InterceptorChain implements Router {
  readonly #interceptors: readonly Interceptor[];
  readonly #refusal: RefusalExit | undefined;

  constructor(interceptors: readonly Interceptor[], refusal: RefusalExit | undefined) {
    this.#interceptors = interceptors;
    this.#refusal = refusal;
  }

  /** @throws DeliveryError when refused events block, or nothing is wired to the output. */
  route(batch: EventBatch, ports: PortInlets): readonly Route[] | Promise<readonly Route[]> {
    const edited = new InterceptedBatch(batch);
    for (const [i, interceptor] of this.#interceptors.entries()) {
      const pending = interceptor.intercept(edited);
      if (pending) return this.#resume(pending, i + 1, batch, edited, ports);
    }
    return this.#routes(batch, edited, ports);
  }

  async #resume(
    pending: Promise<void>,
    next: number,
    batch: EventBatch,
    edited: InterceptedBatch,
    ports: PortInlets,
  ): Promise<readonly Route[]> {
    await pending;
    for (const interceptor of this.#interceptors.slice(next)) await interceptor.intercept(edited);
    return this.#routes(batch, edited, ports);
  }

  #routes(batch: EventBatch, edited: InterceptedBatch, ports: PortInlets): readonly Route[] {
    const { refused } = edited;
    const kept = edited.finish();
    const inlets = ports.at(0);
    // Looked at before the refusal exit counts anything: this batch comes again.
    if (kept.length > 0 && inlets.length === 0) {
      throw new DeliveryError("FLUME_PORT_NOT_WIRED", { parameters: { port: 1 } });
    }
    const onward = kept.length > 0 ? routesTo(inlets, kept) : [];
    if (refused.size === 0) return onward;
    if (!this.#refusal) {
      const [first] = refused.values();
      throw new DeliveryError("FLUME_DELIVERY_FAILED", { refused, parameters: { reason: String(first?.message) } });
    }
    return [...onward, ...this.#refusal.routes(batch, refused)];
  }
}
