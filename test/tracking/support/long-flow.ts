import type { FlowNode } from "../../support/node-red.js";
import { javascript, tab } from "../../support/flow-nodes.js";
import { core, oracleChannel, oracleSink } from "./oracle.js";

export type LongFlowPart = "slow" | "timers" | "delay" | "join" | "subflow" | "sink";

/**
 * Channel → slow Function that sends new objects → Function with timers → Delay → subflow → Join → sink: everything
 * that a deploy could catch with messages in it. `changed` is deployed with another name.
 */
export function longFlow(
  channel: string,
  changed: LongFlowPart | "other tab" | "nothing" = "nothing",
  name = "",
): FlowNode[] {
  const named = (part: LongFlowPart | "other tab") => ({ name: part === changed ? name : "" });
  return [
    tab(),
    tab("other"),
    { ...core("change", "oc", [[]], { rules: [], ...named("other tab") }), z: "other" },
    {
      id: "sf",
      type: "subflow",
      name: changed === "subflow" ? `sub ${name}` : "sub",
      in: [{ x: 50, y: 30, wires: [{ id: "sd" }] }],
      out: [{ x: 250, y: 30, wires: [{ id: "sd", port: 0 }] }],
    },
    {
      ...core("delay", "sd", [[]], {
        pauseType: "delay",
        timeout: "5",
        timeoutUnits: "milliseconds",
        outputs: 1,
        ...named("subflow"),
      }),
      z: "sf",
    },
    oracleChannel(channel, ["slow"], { settleWithin: 10 }),
    javascript(
      "slow",
      "await new Promise((r) => setTimeout(r, 2 + Math.random() * 20)); return { payload: msg.payload };",
      [["timers"]],
      named("slow"),
    ),
    javascript(
      "timers",
      "setTimeout(() => node.send({ payload: msg.payload }), 5); return null;",
      [["delay"]],
      named("timers"),
    ),
    core("delay", "delay", [["sub"]], {
      pauseType: "delay",
      timeout: "10",
      timeoutUnits: "milliseconds",
      outputs: 1,
      ...named("delay"),
    }),
    core("subflow:sf", "sub", [["join"]]),
    core("join", "join", [["sink"]], {
      mode: "custom",
      build: "array",
      property: "payload",
      propertyType: "msg",
      key: "topic",
      joiner: "",
      joinerType: "str",
      accumulate: false,
      count: "3",
      timeout: "0.2",
      ...named("join"),
    }),
    oracleSink("sink", named("sink")),
  ];
}
