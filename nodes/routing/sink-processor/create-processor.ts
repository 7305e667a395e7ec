import type { Router, RoutingContext } from "../../../lib/engine/component.js";
import { type Clock, steadyClock } from "../../../lib/engine/clock.js";
import { CompetingInlet } from "./competing-inlet.js";
import type { ProcessorSettings } from "./component.js";
import { FailoverOrder } from "./failover-order.js";
import { LoadBalanceOrder } from "./load-balance-order.js";
import { OrderedInlet, type SinkOrder } from "./ordered-inlet.js";
import { SinkPorts } from "./sink-ports.js";

/** `clock` is replaced in tests; penalties must not grow when somebody sets the time of day back. */
export function createProcessor(
  settings: ProcessorSettings,
  context: RoutingContext,
  clock: Clock = steadyClock,
): Router {
  let running: { stop(): void } | undefined;
  return {
    inlet(outputs) {
      const ports = new SinkPorts(outputs, clock);
      const inlet =
        settings.processor === "compete"
          ? new CompetingInlet(context, ports, clock)
          : new OrderedInlet(context, ports, orderOf(settings, clock), clock);
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
