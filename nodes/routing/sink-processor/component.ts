import type { RoutingComponent } from "../../../lib/engine/component.js";
import { boolean, choice, number, rows, text } from "../../../lib/engine/properties.js";
import { createProcessor } from "./create-processor.js";

const DAY = 86_400_000;

const properties = {
  /** Not `type`, which is the node's own in Node-RED. */
  processor: choice(["failover", "load_balance", "compete"], "compete", { flumeKey: "processor.type" }),
  maxPenalty: number(30_000, {
    flumeKey: "processor.maxpenalty",
    max: DAY,
    unit: "ms",
    shownWhen: { property: "processor", is: ["failover"] },
  }),
  selector: choice(["round_robin", "random"], "round_robin", {
    flumeKey: "processor.selector",
    shownWhen: { property: "processor", is: ["load_balance"] },
  }),
  backoff: boolean(false, {
    flumeKey: "processor.backoff",
    shownWhen: { property: "processor", is: ["load_balance"] },
  }),
  maxTimeOut: number(30_000, {
    flumeKey: "processor.selector.maxTimeOut",
    max: DAY,
    unit: "ms",
    shownWhen: { property: "processor", is: ["load_balance"] },
  }),
  sinks: rows(
    {
      name: text(""),
      /** Failover: the largest is preferred; equal ones in the order of the list. */
      priority: number(0, {
        flumeKey: "processor.priority",
        min: -2_147_483_648,
        max: 2_147_483_647,
        shownWhen: { property: "processor", is: ["failover"] },
      }),
    },
    [
      { name: "", priority: 0 },
      { name: "", priority: 0 },
    ],
    { flumeKey: "sinks", ports: true },
  ),
};

export const component: RoutingComponent<typeof properties> = {
  type: "flume-sink-processor",
  role: "routing",
  flumeType: "sinkgroup",
  properties,
  icon: "flume-sink-processor.svg",
  outputs: 0,
  labelProperty: "processor",
  create: (config, context) => createProcessor(config, context),
};

export type ProcessorSettings = Parameters<typeof component.create>[0];
