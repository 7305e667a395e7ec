import type { EventBatch } from "../../engine/batch.js";
import type { PortInlets, Router, RoutingComponent, RoutingContext } from "../../engine/component.js";
import type { Inlet, Limits, Prepared, Route } from "../../engine/contracts.js";
import { commonLimits, Delivery, expandRoutes } from "../../engine/delivery.js";
import { contextOf } from "./component-context.js";
import type { DeployPhase } from "./deploy-phase.js";
import type { LiveNode } from "./live-node.js";
import { MessageIntake } from "./message-intake.js";
import { shownError } from "./node-face.js";
import type { NodeSettings } from "./node-settings.js";
import { rateText } from "./status-text.js";

/** Interceptors and selectors, which pass events on at once, and sink processors, which wait for a sink. */
export function liveRouter(component: RoutingComponent, settings: NodeSettings, phase: DeployPhase): LiveNode {
  const { face, config, ports, deadLetterPort, refusal, id } = settings;
  const outputs: PortInlets = {
    length: deadLetterPort ?? ports.length,
    at: (port) => ports[port]?.current ?? [],
  };
  // Defined on top of it, not copied from it: its name is looked up each time.
  const context: RoutingContext = Object.defineProperty(contextOf(settings) as RoutingContext, "refusal", {
    value: refusal,
  });
  const router = component.create(config, context);
  const inlet = router.inlet?.(outputs) ?? new PassingInlet(id, router, outputs, face.counters);
  const entrance = () => (ports.some((port) => port.current.length > 0) ? inlet : undefined);

  return {
    ...settings,
    counterGroup: undefined,
    inlet: entrance,
    intake: new MessageIntake(entrance, phase, shownError),
    settle: () => undefined,
    status: (rate) => ({ fill: "green", shape: rate > 0 ? "dot" : "ring", text: rateText(rate) }),
    get progress() {
      return face.counters.get("EventReceivedCount");
    },
    async stop() {
      router.stop?.();
    },
  };
}

class PassingInlet implements Inlet {
  readonly id: string;
  readonly #router: Router;
  readonly #outputs: PortInlets;
  readonly #counters: NodeSettings["face"]["counters"];

  constructor(id: string, router: Router, outputs: PortInlets, counters: NodeSettings["face"]["counters"]) {
    this.id = id;
    this.#router = router;
    this.#outputs = outputs;
    this.#counters = counters;
  }

  get limits(): Limits {
    return commonLimits(this.#targets());
  }

  get takeSize(): number {
    return Math.min(...this.#targets().map((inlet) => inlet.takeSize));
  }

  get maxInFlight(): number {
    return Math.min(...this.#targets().map((inlet) => inlet.maxInFlight));
  }

  route(batch: EventBatch): readonly Route[] | Promise<readonly Route[]> {
    this.#counters.add("EventReceivedCount", batch.length);
    return this.#router.route?.(batch, this.#outputs) ?? [];
  }

  /** Only for callers that do not expand routes themselves. */
  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    return new Delivery(await expandRoutes(await this.route(batch))).prepare(signal);
  }

  #targets(): Inlet[] {
    const inlets: Inlet[] = [];
    for (let port = 0; port < this.#outputs.length; port++) inlets.push(...this.#outputs.at(port));
    return inlets;
  }
}
