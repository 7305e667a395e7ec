import type { FlowNode } from "./node-red.js";

type Settings = Readonly<Record<string, unknown>>;

const node = (type: string, id: string, wires: string[][], settings: Settings): FlowNode => ({
  id,
  type,
  z: "tab",
  name: "",
  wires,
  ...settings,
});

/** Nodes as the editor writes them, with the settings that a test does not care about. All lie on the tab `tab`. */
export const tab = (id = "tab", settings: Settings = {}): FlowNode => ({ id, type: "tab", label: id, ...settings });

export const netcat = (id: string, port: number, to: string[], settings: Settings = {}): FlowNode =>
  node("flume-netcat-source", id, [to], { bind: "127.0.0.1", port, ...settings });

export const seq = (id: string, to: string[], settings: Settings = {}): FlowNode =>
  node("flume-seq-source", id, [to], settings);

export const stress = (id: string, to: string[], settings: Settings = {}): FlowNode =>
  node("flume-stress-source", id, [to], { size: 100, ...settings });

export const memory = (id: string, to: string[], settings: Settings = {}): FlowNode =>
  node("flume-memory-channel", id, [to], { capacity: 1000, transactionCapacity: 100, ...settings });

export const logger = (id: string, settings: Settings = {}): FlowNode => node("flume-logger-sink", id, [], settings);

export const nullSink = (id: string, settings: Settings = {}): FlowNode =>
  node("flume-null-sink", id, [], { logEveryNEvents: 0, ...settings });

/** Everything into one file, until the node is changed. Lines of the files are bodies. */
export const fileRoll = (id: string, directory: string, settings: Settings = {}): FlowNode =>
  node("flume-file-roll-sink", id, [], { directory, rollInterval: 0, ...settings });

export const debug = (id: string, settings: Settings = {}): FlowNode =>
  node("debug", id, [], { active: true, tosidebar: true, complete: "payload", targetType: "msg", ...settings });

export const inject = (id: string, to: string[], payload: string): FlowNode =>
  node("inject", id, [to], { props: [{ p: "payload" }], payload, payloadType: "str" });

export const javascript = (id: string, code: string, to: string[][] = [[]], settings: Settings = {}): FlowNode =>
  node("function", id, to, { func: code, outputs: to.length, ...settings });

export const catchAll = (id: string, to: string[], scope: string[] | null = null): FlowNode =>
  node("catch", id, [to], { scope, uncaught: false });

export const complete = (id: string, of: string[], to: string[]): FlowNode => node("complete", id, [to], { scope: of });

/** A change that concerns nobody. */
export const comment = (id: string, name: string): FlowNode => node("comment", id, [], { name, info: "" });
