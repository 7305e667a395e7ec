/** What a running Node-RED says of its own process. */
export interface Probe {
  readonly memory: NodeJS.MemoryUsage;
  readonly cpu: NodeJS.CpuUsage;
  /** Milliseconds, since the last probe that asked for a reset; zero before the first one. */
  readonly eventLoopDelay: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly activeResources: string[];
}

export interface ProbeOptions {
  /** Starts measuring the event-loop delay anew, after this answer. */
  readonly resetDelay?: boolean;
  /** Collects garbage first; needs `nodeArgs: ['--expose-gc']`. */
  readonly collect?: boolean;
}

export interface ProbeRequest extends ProbeOptions {
  readonly ask: "probe";
  readonly id: number;
}

export interface ProbeReply {
  readonly probe: number;
  readonly answer: Probe;
}
