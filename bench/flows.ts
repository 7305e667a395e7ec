import type { FlowNode } from "../test/support/node-red";

/** Properties that both sides share, under Flume's own keys. */
export type Properties = Readonly<Record<string, string | number | boolean>>;

export const MEMORY_CHANNEL: Properties = { capacity: 100_000, transactionCapacity: 10_000 };
/** Both sides would write a line to their log for every 10,000 events: the benches measure neither log. */
export const NULL_SINK: Properties = { batchSize: 1_000, logEveryNEvents: 1_000_000_000 };

export interface SourceToNull {
  readonly source: string;
  readonly sourceProperties: Properties;
  /** The rules of an interceptors node between source and channel. */
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
        ...nodeProperties(what.sourceProperties),
        wires: [[id(what.interceptors ? "interceptors" : "channel")]],
      },
      { id: id("channel"), type: "flume-memory-channel", z, ...nodeProperties(MEMORY_CHANNEL), wires: [[id("sink")]] },
      { id: id("sink"), type: "flume-null-sink", z, ...nodeProperties(NULL_SINK), wires: [] },
    );
    if (what.interceptors) {
      flows.push({
        id: id("interceptors"),
        type: "flume-interceptors",
        z,
        rules: what.interceptors,
        wires: [[id("channel")]],
      });
    }
  }
  return flows;
}

/** Nodes call their properties as Flume does, in camel case throughout. */
function nodeProperties(properties: Properties): Properties {
  return Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [
      key.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
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
