import type { RoutingComponent } from "../../../lib/engine/component.js";
import { boolean, choice, rows, text } from "../../../lib/engine/properties.js";
import { createSelector } from "./create-selector.js";

const properties = {
  /** Not `type`, which is the node's own in Node-RED. */
  selector: choice(["replicating", "multiplexing", "load_balancing"], "replicating", { flumeKey: "selector.type" }),
  header: text("flume.selector.header", {
    flumeKey: "selector.header",
    required: true,
    format: "header",
    shownWhen: { property: "selector", is: ["multiplexing"] },
  }),
  policy: choice(["round_robin", "random"], "round_robin", {
    flumeKey: "selector.policy",
    shownWhen: { property: "selector", is: ["load_balancing"] },
  }),
  channels: rows(
    {
      name: text(""),
      /** Multiplexing: header values that lead here, separated by commas. */
      values: text("", { flumeKey: "mapping", shownWhen: { property: "selector", is: ["multiplexing"] } }),
      /** Multiplexing: header values whose events are copied here as far as there is room at once. */
      optionalValues: text("", {
        flumeKey: "optional.value",
        shownWhen: { property: "selector", is: ["multiplexing"] },
      }),
      /** Multiplexing: gets events whose value leads nowhere. */
      isDefault: boolean(false, {
        flumeKey: "default",
        shownWhen: { property: "selector", is: ["multiplexing"] },
      }),
      /** Replicating and multiplexing: best effort, holds nobody up. */
      optional: boolean(false, {
        flumeKey: "optional",
        shownWhen: { property: "selector", is: ["replicating", "multiplexing"] },
      }),
    },
    [
      { name: "", values: "", optionalValues: "", isDefault: false, optional: false },
      { name: "", values: "", optionalValues: "", isDefault: false, optional: false },
    ],
    { flumeKey: "channels", ports: true },
  ),
};

export const component: RoutingComponent<typeof properties> = {
  type: "flume-channel-selector",
  role: "routing",
  flumeType: "selector",
  properties,
  icon: "flume-channel-selector.svg",
  outputs: 0,
  canRefuse: true,
  labelProperty: "selector",
  create: (config, context) => createSelector(config, context),
};

export type SelectorSettings = Parameters<typeof component.create>[0];
