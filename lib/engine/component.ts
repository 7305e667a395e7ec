import type { EventBatch } from "./batch.js";
import type { Channel, Inlet, Route, Sink, Source } from "./contracts.js";
import type { Counters } from "./counters.js";
import type { Durability, DurabilityRule } from "./durability.js";
import type { RefusalExit } from "./refusal.js";
import type { ApartRule, ConfigOf, LimitRule, OneOfRule, Properties } from "./properties.js";

export type Role = "source" | "channel" | "sink" | "routing" | "config";

/** What a path through this component promises; shown in its help and on the canvas. */
export type Guarantee = "at-least-once" | "best-effort";

/** All that is true of a component before it runs: data only. */
export interface Declaration<P extends Properties = Properties> {
  /** `flume-<name>-<role>`: stands in people's flows for ever. */
  readonly type: string;
  readonly role: Role;
  /** The alias or class name in flume.properties. */
  readonly flumeType: string;
  /** Other components of Flume that this one stands for. */
  readonly flumeAliases?: readonly FlumeAlias[];
  readonly properties: P;
  readonly limits?: readonly LimitRule[];
  readonly needs?: readonly OneOfRule[];
  readonly apart?: readonly ApartRule[];
  /** File in `icons/`. */
  readonly icon: string;
  /** Output ports, apart from those that rows of a property or the dead-letter switch add. */
  readonly outputs: number;
  /** May refuse an event for ever: gets the dead-letter settings and port. */
  readonly canRefuse?: boolean;
  readonly guarantee?: Guarantee;
  /** Of a channel: shown in its dialog, its help, its status and the metrics. */
  readonly durability?: Durability | DurabilityRule;
  /** The property whose value is the node's label when it has no name, if telling. */
  readonly labelProperty?: string;
  /** Of the configuration as it is stored in flows, from 1 on; raised with each step of migrations.ts. */
  readonly version?: number;
}

/** What is different in the configuration of another component of Flume. */
export interface FlumeAlias {
  /** Its class name. */
  readonly flumeType: string;
  /** Our properties by its keys, where those are not the properties' own. */
  readonly keys: Readonly<Record<string, string>>;
  /** Our values by its, of each property where they differ. */
  readonly values?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Its defaults of our properties, where they differ. */
  readonly defaults?: Readonly<Record<string, string | number | boolean>>;
}

export interface Logger {
  debug(text: string): void;
  info(text: string): void;
  warn(text: string): void;
  error(text: string, cause?: unknown): void;
}

/** Settings that several components share: a config node of Node-RED, read by its declaration. */
export interface SharedSettings {
  readonly id: string;
  readonly name: string;
  /** Parsed values, secrets included. Of a `tls-config` node: the options for `node:tls`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What this config node refers to itself, by property. */
  readonly shared: Readonly<Record<string, SharedSettings>>;
}

/** Declares what a config node holds; it does not run. */
export interface ConfigComponent<P extends Properties = Properties> extends Declaration<P> {
  readonly role: "config";
}

/** What a running component may use of its surroundings. */
export interface ComponentContext {
  /** The config nodes that this component's `node` properties refer to, by property. */
  readonly shared: Readonly<Record<string, SharedSettings>>;
  /** The node's id: stable across deploys. */
  readonly id: string;
  /** The node's name, or its id. */
  readonly name: string;
  /** A folder of this node's own for files that must outlive the process; not made until somebody writes there. */
  readonly storage: string;
  readonly log: Logger;
  readonly counters: Counters;
  /** A problem that does not stop the component: red status and a Catch-able error. Called with nothing when it is over. */
  report(error?: unknown): void;
}

export interface SourceComponent<P extends Properties = Properties> extends Declaration<P> {
  readonly role: "source";
  create(config: ConfigOf<P>, context: ComponentContext): Source;
  /** The largest batch it will deliver whatever the channel's limits, so that a mismatch shows at deploy. */
  batchSize?(config: ConfigOf<P>): number;
}

export interface SinkComponent<P extends Properties = Properties> extends Declaration<P> {
  readonly role: "sink";
  create(config: ConfigOf<P>, context: SinkContext): Sink;
}

export interface SinkContext extends ComponentContext {
  /** Shows events in the editor's debug sidebar, sampled. */
  debug(batch: EventBatch, format: (index: number) => string): void;
}

export interface ChannelComponent<P extends Properties = Properties> extends Declaration<P> {
  readonly role: "channel";
  create(config: ConfigOf<P>, context: ComponentContext): Channel;
  /**
   * Whether a running channel can take this configuration without losing what it holds; if so it does, at once or
   * when it is started again.
   */
  reconfigure?(channel: Channel, config: ConfigOf<P>, context: ComponentContext): boolean;
}

/** Routing: interceptors and selectors send events on at once, sink processors wait for a sink. */
export interface RoutingComponent<P extends Properties = Properties> extends Declaration<P> {
  readonly role: "routing";
  create(config: ConfigOf<P>, context: RoutingContext): Router;
}

export interface RoutingContext extends ComponentContext {
  /** Where events go that this node can never accept; there when the declaration says `canRefuse`. */
  readonly refusal: RefusalExit | undefined;
}

/**
 * What a routing node does with a batch. `ports` has what is wired to each output now (undefined: nothing).
 * Either `route` (passes on at once, keeps nothing) or `inlet` (decides while delivering).
 */
export interface Router {
  route?(batch: EventBatch, ports: PortInlets): readonly Route[] | Promise<readonly Route[]>;
  inlet?(ports: PortInlets): Inlet;
  stop?(): void;
}

export interface PortInlets {
  /** Output ports of the node, dead letter excluded. */
  readonly length: number;
  at(port: number): readonly Inlet[];
}
