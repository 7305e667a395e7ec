import { WaitingLine } from "../../engine/waiting-line.js";
import type { FlowsEvent, NodeRed } from "./node-red.js";

/**
 * Where Node-RED stands: `running`; `deploying` from `flows:stopping` to `flows:started`, while targets may
 * be missing; `stopping` and `stopped` when no deploy follows (the process ends, or "stop flows").
 */
type Phase = "starting" | "running" | "deploying" | "stopping" | "stopped";

type FlowNodes = FlowsEvent["config"]["flows"];

export interface PhaseEvents {
  stopping(): void;
  /** Flows run again, all or in part; `flows` is the whole new flow. */
  running(flows: FlowNodes): void;
}

/** For parts of the runtime that go along with each phase. */
export interface PhaseWatcher {
  /** A deploy begins: from now on targets may be missing. */
  deploying(): void;
  /** The flows stop, and no deploy follows. */
  stopping(): void;
  /** Before anything is started or wired anew. Not `complete` when Node-RED could not start what it has stopped. */
  running(complete: boolean): void;
}

export class DeployPhase {
  #phase: Phase = "starting";
  #flows: FlowNodes = [];
  #deploys = 0;
  readonly #waiting = new WaitingLine<void>();
  readonly #watchers: PhaseWatcher[] = [];

  constructor(red: NodeRed, events: PhaseEvents) {
    red.events.on("flows:stopping", ({ config, diff }: FlowsEvent) => {
      this.#flows = config.flows;
      // Only a deploy compares two flows; at a stop Node-RED passes an empty difference without this key.
      const isDeploy = diff !== null && diff !== undefined && "globalConfigChanged" in diff;
      this.#phase = isDeploy ? "deploying" : "stopping";
      this.#deploys++;
      for (const watcher of this.#watchers) {
        if (isDeploy) watcher.deploying();
        else watcher.stopping();
      }
      if (!isDeploy) events.stopping();
    });
    red.events.on("flows:stopped", () => {
      if (this.#phase === "stopping") this.#phase = "stopped";
    });
    const run = (flows: FlowNodes, complete: boolean) => {
      this.#phase = "running";
      this.#flows = flows;
      for (const watcher of this.#watchers) watcher.running(complete);
      events.running(flows);
      this.#waiting.offerAll();
    };
    red.events.on("flows:started", ({ config }: FlowsEvent) => run(config.flows, true));
    red.events.on("runtime-event", (event: { id?: string; payload?: { error?: unknown } | null }) => {
      // A deploy with an unknown node type closes what changed and starts nothing: `flows:started` never
      // comes, but all the untouched nodes go on.
      const failed = event.id === "runtime-state" && event.payload?.error !== undefined;
      if (failed && this.#phase === "deploying") run(this.#flows, false);
    });
  }

  watch(watcher: PhaseWatcher): void {
    this.#watchers.push(watcher);
  }

  get running(): boolean {
    return this.#phase === "running";
  }

  /** Counts up as each deploy begins. */
  get deploys(): number {
    return this.#deploys;
  }

  /** No deploy follows: what is refused now stays refused. */
  get ending(): boolean {
    return this.#phase === "stopping" || this.#phase === "stopped";
  }

  /** Flows stop for good: what the channels hold is delivered as far as time allows. */
  get draining(): boolean {
    return this.#phase === "stopping";
  }

  /** Resolves once the flows run. Rejects when the signal aborts. */
  whenRunning(signal: AbortSignal): Promise<void> {
    if (this.running) return Promise.resolve();
    return this.#waiting.wait(signal);
  }
}
