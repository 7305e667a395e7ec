// Nodes of Node-RED's own as the editor writes them, from `n` (where the channel's wire ends) to `s` (the sink).
import type { FlowNode } from "../../support/node-red.js";
import { core } from "./oracle.js";

type Settings = Readonly<Record<string, unknown>>;

export const change = (id = "n", to: string[] = ["s"], rules: unknown[] = []): FlowNode =>
  core("change", id, [to], { rules });

export const javascript = (code: string, wires: string[][] = [["s"]], id = "n", settings: Settings = {}): FlowNode =>
  core("function", id, wires, {
    func: code,
    outputs: wires.length,
    timeout: 0,
    initialize: "",
    finalize: "",
    libs: [],
    ...settings,
  });

export const rule = (t: string, v = "", vt = "str") => ({ t, v, vt });

export const route = (rules: unknown[], settings: Settings = {}, id = "n", wires: string[][] = [["s"]]): FlowNode =>
  core("switch", id, wires, {
    property: "payload",
    propertyType: "msg",
    rules,
    checkall: "true",
    repair: false,
    outputs: wires.length,
    ...settings,
  });

export const split = (id = "n", to: string[] = ["s"], settings: Settings = {}): FlowNode =>
  core("split", id, [to], {
    splt: "-",
    spltType: "str",
    arraySplt: 1,
    arraySpltType: "len",
    stream: false,
    addname: "",
    property: "payload",
    ...settings,
  });

export const join = (settings: Settings, id = "n", to: string[] = ["s"]): FlowNode =>
  core("join", id, [to], {
    mode: "custom",
    build: "array",
    property: "payload",
    propertyType: "msg",
    key: "topic",
    joiner: "\\n",
    joinerType: "str",
    accumulate: false,
    timeout: "",
    count: "",
    ...settings,
  });

export const batch = (count: number, id = "n", to: string[] = ["s"], settings: Settings = {}): FlowNode =>
  core("batch", id, [to], {
    mode: "count",
    count,
    overlap: 0,
    interval: 10,
    allowEmptySequence: false,
    topics: [],
    ...settings,
  });

export const delay = (settings: Settings, id = "n", to: string[] = ["s"]): FlowNode =>
  core("delay", id, [to], {
    pauseType: "delay",
    timeout: "5",
    timeoutUnits: "milliseconds",
    rate: "1",
    nbRateUnits: "1",
    rateUnits: "second",
    randomFirst: "1",
    randomLast: "10",
    randomUnits: "milliseconds",
    drop: false,
    allowrate: false,
    outputs: 1,
    ...settings,
  });

/** At once, and again after a moment. */
export const trigger = (settings: Settings, id = "n", to: string[] = ["s"]): FlowNode =>
  core("trigger", id, [to], {
    op1: "",
    op2: "",
    op1type: "pay",
    op2type: "payl",
    duration: "10",
    extend: false,
    overrideDelay: false,
    units: "ms",
    reset: "",
    bytopic: "all",
    topic: "topic",
    outputs: 1,
    ...settings,
  });
