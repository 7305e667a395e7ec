import type { Router, RoutingContext } from "../../../lib/engine/component.js";
import type { SelectorSettings } from "./component.js";
import { LoadBalancingSelector } from "./load-balancing-selector.js";
import { MultiplexingSelector } from "./multiplexing-selector.js";
import { ReplicatingSelector } from "./replicating-selector.js";

export function createSelector(settings: SelectorSettings, { counters, refusal }: RoutingContext): Router {
  const { channels } = settings;
  switch (settings.selector) {
    case "replicating":
      return new ReplicatingSelector(channels, counters);
    case "multiplexing":
      return new MultiplexingSelector(settings.header, channels, counters, refusal);
    case "load_balancing":
      return new LoadBalancingSelector(channels, settings.policy);
  }
}
