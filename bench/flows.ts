import type { FlowNode } from "../test/support/node-red";

/** Properties that both sides share: Flume's own keys, which are also those of the nodes. */
export type Properties = Readonly<Record<string, string | number | boolean>>;

export const MEMORY_CHANNEL: Properties = { capacity: 100_000, transactionCapacity: 10_000 };
export const NULL_SINK: Properties = { batchSize: 1_000 };

export interface SourceToNull {
  readonly source: string;
  readonly sourceProperties: Properties;
  /** Property values of an interceptors node between source and channel. */
  readonly interceptors?: readonly Readonly<Record<string, unknown>>[] | undefined;
}

/** Flows of Node-RED: source (→ interceptors) → memory channel → null sink, `copies` times beside each other. */
export function nodeRedFlows(what: SourceToNull, copies = 1): FlowNode[] {
  const flows: FlowNode[] = [];
  for (let copy = 1; copy <= copies; copy++) {
    const id = (name: string): string => `${name}${copy}`;
    const z = id("tab");
    flows.push(
      { id: z, type: "tab", label: `Bench ${copy}` },
      {
        id: id("source"),
        type: `flume-${what.source}-source`,
        z,
        ...what.sourceProperties,
        wires: [[id(what.interceptors ? "interceptors" : "channel")]],
      },
      { id: id("channel"), type: "flume-memory-channel", z, ...MEMORY_CHANNEL, wires: [[id("sink")]] },
      { id: id("sink"), type: "flume-null-sink", z, ...NULL_SINK, wires: [] },
    );
    if (what.interceptors) {
      flows.push({
        id: id("interceptors"),
        type: "flume-interceptors",
        z,
        interceptors: what.interceptors,
        wires: [[id("channel")]],
      });
    }
  }
  return flows;
}

/** The same as a configuration of Flume. `source` is Flume's type, `interceptors` its keys after the source's name. */
export function flumeConfig(
  source: string,
  sourceProperties: Properties,
  interceptors: Properties = {},
): Record<string, string> {
  return {
    sources: "r",
    channels: "c",
    sinks: "k",
    "sources.r.type": source,
    "sources.r.channels": "c",
    ...prefixed("sources.r.", sourceProperties),
    ...prefixed("sources.r.", interceptors),
    "channels.c.type": "memory",
    ...prefixed("channels.c.", MEMORY_CHANNEL),
    "sinks.k.type": "null",
    "sinks.k.channel": "c",
    ...prefixed("sinks.k.", NULL_SINK),
  };
}

function prefixed(prefix: string, properties: Properties): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [prefix + key, String(value)]));
}
