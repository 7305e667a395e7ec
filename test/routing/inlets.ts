import type { EventBatch } from "../../lib/engine/batch.js";
import type { PortInlets, Router, RoutingContext } from "../../lib/engine/component.js";
import type { RefusalPolicy } from "../../lib/engine/common-properties.js";
import type { Inlet, Prepared, Route } from "../../lib/engine/contracts.js";
import { Delivery, expandRoutes, NEVER, routesTo } from "../../lib/engine/delivery.js";
import { deliveryAborted } from "../../lib/engine/errors.js";
import { RefusalExit } from "../../lib/engine/refusal.js";
import { testContext } from "../support/component-context.js";
import { bodiesOf } from "../support/event-batches.js";

/** Keeps what it is given, when and how the test says. */
export class TestInlet implements Inlet {
  readonly id: string;
  limits = { events: Infinity, bytes: Infinity };
  takeSize = Infinity;
  maxInFlight = 1;
  readonly batches: EventBatch[] = [];
  /** Calls of commit. */
  tries = 0;
  /** Thrown by each commit while it is there. */
  failure: Error | undefined;
  /** Prepare waits while this is true, until its signal aborts. */
  deaf = false;
  /** While it is there, a commit waits for it. */
  gate: Promise<void> | undefined;
  #underWay = 0;
  mostUnderWay = 0;

  constructor(id: string) {
    this.id = id;
  }

  get bodies(): string[] {
    return bodiesOf(this.batches);
  }

  prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    if (!this.deaf) return Promise.resolve({ commit: () => this.#commit(batch), abort: () => undefined });
    return new Promise((_, reject) => {
      if (signal.aborted) reject(deliveryAborted());
      signal.addEventListener("abort", () => reject(deliveryAborted()));
    });
  }

  async #commit(batch: EventBatch): Promise<void> {
    this.tries++;
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.#underWay);
    try {
      await this.gate;
      if (this.failure) throw this.failure;
      this.batches.push(batch);
    } finally {
      this.#underWay--;
    }
  }
}

/** Output ports with one inlet, several, or none each. */
export function portsTo(...ports: (Inlet | readonly Inlet[] | undefined)[]): PortInlets {
  const lists = ports.map((port) => (port === undefined ? [] : "id" in port ? [port] : port));
  return { length: lists.length, at: (port) => lists[port] ?? [] };
}

export interface TestRoutingContext extends RoutingContext {
  readonly deadLetter: TestInlet;
  readonly reports: unknown[];
}

/** Refused events go by the policy; with `port`, to `deadLetter`. */
export function routingContext(policy: RefusalPolicy = "block"): TestRoutingContext {
  const context = testContext("router");
  const deadLetter = new TestInlet("dead-letter");
  const refusal = new RefusalExit(policy, "router", context.counters, () => [deadLetter]);
  return { ...context, refusal, deadLetter };
}

/** What a node of the palette does with a batch: route, then deliver. */
export async function send(router: Router, batch: EventBatch, ports: PortInlets): Promise<void> {
  const routes: readonly Route[] = (await router.route?.(batch, ports)) ?? [];
  await new Delivery(await expandRoutes(routes)).attempt(NEVER);
}

export async function sendTo(inlet: Inlet, batch: EventBatch): Promise<void> {
  await new Delivery(routesTo([inlet], batch)).attempt(NEVER);
}
