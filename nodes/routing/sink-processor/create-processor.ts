import type { Router, RoutingContext } from "../../../lib/engine/component.js";
import { type Clock, SYSTEM_CLOCK } from "../../../lib/engine/clock.js";
import { CompetingInlet } from "./competing-inlet.js";
import type { ProcessorSettings } from "./component.js";
import { FailoverOrder } from "./failover-order.js";
import { LoadBalanceOrder } from "./load-balance-order.js";
import { OrderedInlet, type SinkOrder } from "./ordered-inlet.js";
import { SinkPorts } from "./sink-ports.js";

export function createProcessor(
  settings: ProcessorSettings,
  context: RoutingContext,
  clock: Clock = SYSTEM_CLOCK,
): Router {
  let running: { stop(): void } | undefined;
  return {
    inlet(outputs) {
      const ports = new SinkPorts(outputs, clock);
      const inlet =
        settings.processor === "compete"
          ? new CompetingInlet(context, ports, clock)
          : new OrderedInlet(context, ports, orderOf(settings, clock));
      running = inlet;
      return inlet;
    },
    stop: () => running?.stop(),
  };
}

function orderOf(settings: ProcessorSettings, clock: Clock): SinkOrder {
  return settings.processor === "failover"
    ? new FailoverOrder(
        settings.sinks.map(({ priority }) => priority),
        settings.maxPenalty,
        clock,
      )
    : new LoadBalanceOrder(settings, clock);
}
