import type { Inlet } from "../../engine/contracts.js";
import { HeadraceError } from "../../engine/errors.js";
import type { DeployPhase } from "./deploy-phase.js";
import { statusText } from "./language.js";
import type { LiveNode } from "./live-node.js";
import type { NodeFace } from "./node-face.js";
import type { NodeRed, RedNode } from "./node-red.js";
import { DebugInlet, type HandOver, OrdinaryInlet } from "./ordinary-inlet.js";
import type { MessageTracker } from "./tracking/message-tracker.js";
import type { PathLabel } from "./tracking/path-labels.js";
import { TrackedInlet, type TrackingSettings } from "./tracking/tracked-inlet.js";
import { TrackedPaths } from "./tracking/tracked-paths.js";
import { INLET, type WireTargets, wireTargets } from "./wire-targets.js";

interface KnownInlet {
  readonly shell: RedNode;
  readonly target: RedNode;
  readonly inlet: Inlet;
}

interface OrdinaryPath {
  readonly target: RedNode;
  readonly inlet: Inlet;
}

/** Looks up what each port leads to, and finds circles. Done anew after each deploy. */
export class FlowWiring {
  readonly #red: NodeRed;
  readonly #phase: DeployPhase;
  /** Inlets of ordinary targets by their id: the same one while the node objects at both ends stay. */
  #ordinary = new Map<string, KnownInlet>();
  #onCycle = new Set<string>();
  /** First nodes of the ordinary paths behind each node, Debug nodes excluded. */
  #paths = new Map<string, readonly OrdinaryPath[]>();
  readonly #tracked: TrackedPaths;

  constructor(red: NodeRed, phase: DeployPhase) {
    this.#red = red;
    this.#phase = phase;
    this.#tracked = new TrackedPaths(red, phase);
  }

  get tracking(): Pick<MessageTracker, "size" | "events" | "installed"> {
    return this.#tracked.tracker;
  }

  onCycle(id: string): boolean {
    return this.#onCycle.has(id);
  }

  /** What the wires to ordinary nodes promise; undefined when there are none. A path that is best effort says why. */
  pathsOf(id: string): "tracked" | PathLabel | undefined {
    const paths = this.#paths.get(id);
    if (!paths) return undefined;
    for (const { target, inlet } of paths) {
      if (inlet instanceof OrdinaryInlet) {
        return { reason: this.#tracked.possible(target) ? "handOver" : "notSupported", node: target };
      }
      const label = this.#tracked.labelOf(target);
      if (label) return label;
    }
    return "tracked";
  }

  /** Messages that came too late behind the wires of a node. */
  lateSends(id: string): number {
    return this.#tracked.lateSends((this.#paths.get(id) ?? []).map(({ target }) => target));
  }

  showInvalid(face: NodeFace): void {
    face.showStatus({ fill: "red", shape: "ring", text: statusText("invalid") });
  }

  lookUp(nodes: readonly LiveNode[], shells: ReadonlyMap<string, RedNode>): void {
    const targets = new Map<string, WireTargets[]>();
    for (const node of nodes) {
      const shell = shells.get(node.id) as RedNode;
      targets.set(
        node.id,
        node.ports.map((_, port) => wireTargets(shell, port)),
      );
    }
    this.#findCycles(nodes, targets);
    this.#paths = new Map();
    this.#tracked.wiresChanged();
    const known = this.#ordinary;
    this.#ordinary = new Map();
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const done = new Set<string>();

    // Behind first: a routing node is a target only if it leads somewhere itself.
    const wire = (node: LiveNode): void => {
      if (done.has(node.id)) return;
      done.add(node.id);
      const shell = shells.get(node.id) as RedNode;
      for (const [port, { flume, ordinary }] of (targets.get(node.id) ?? []).entries()) {
        const inlets: Inlet[] = [];
        let wired = !this.#onCycle.has(node.id) && ordinary.length > 0;
        for (const target of this.#onCycle.has(node.id) ? [] : flume) {
          const next = byId.get(target.id);
          if (next) wire(next);
          const inlet = target[INLET]?.();
          if (inlet) inlets.push(inlet);
          if (inlet || (next && !leadsNowhere(next))) wired = true;
        }
        for (const target of this.#onCycle.has(node.id) ? [] : ordinary) {
          const inlet = this.#ordinaryInlet(node, shell, port, target, known);
          inlets.push(inlet);
          if (target.type === "debug") continue;
          this.#paths.set(node.id, [...(this.#paths.get(node.id) ?? []), { target, inlet }]);
          node.face.counters.gauge("LateSendCount", () => this.lateSends(node.id));
        }
        node.ports[port]?.set(inlets, wired);
      }
    };
    for (const node of nodes) wire(node);
    const inlets = [...this.#ordinary.values()].map(({ inlet }) => inlet);
    this.#tracked.set(new Set(inlets.filter((inlet) => inlet instanceof TrackedInlet)));
  }

  #ordinaryInlet(
    node: LiveNode,
    shell: RedNode,
    port: number,
    target: RedNode,
    known: ReadonlyMap<string, KnownInlet>,
  ): Inlet {
    const from: HandOver = {
      node: shell,
      port,
      payload: node.payload,
      phase: this.#phase,
      newId: () => this.#red.util.generateId(),
    };
    const key = `${node.id}:${port}>${target.id}`;
    const old = known.get(key);
    const same = old && old.shell === shell && old.target === target;
    const inlet = same ? old.inlet : this.#newInlet(from, target, node.tracking);
    this.#ordinary.set(key, { shell, target, inlet });
    return inlet;
  }

  #newInlet(from: HandOver, target: RedNode, tracking: TrackingSettings): Inlet {
    if (target.type === "debug") return new DebugInlet(from, target);
    if (tracking.mode === "handOver" || !this.#tracked.possible(target)) {
      return new OrdinaryInlet(from, target, () => this.#tracked.takesOneByOne(target));
    }
    return new TrackedInlet(from, target, tracking, this.#tracked);
  }

  #findCycles(nodes: readonly LiveNode[], targets: ReadonlyMap<string, WireTargets[]>): void {
    const behind = new Map<string, string[]>();
    for (const [id, ports] of targets)
      behind.set(
        id,
        ports.flatMap(({ flume }) => flume.map((target) => target.id)),
      );
    const before = this.#onCycle;
    this.#onCycle = new Set();
    for (const node of nodes) {
      const path = pathBackTo(node.id, behind);
      if (!path) {
        if (before.has(node.id)) node.face.report();
        continue;
      }
      this.#onCycle.add(node.id);
      node.face.report(new HeadraceError("FLUME_CYCLE", { path: path.join(" → ") }));
    }
  }
}

/** A routing node is a target only if something is wired behind it. */
function leadsNowhere(node: LiveNode): boolean {
  return node.declaration.role === "routing" && node.ports.every((port) => !port.wired);
}

/** The way from a node back to itself, if there is one. */
function pathBackTo(start: string, behind: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const seen = new Set<string>();
  const walk = (id: string, path: string[]): string[] | undefined => {
    for (const next of behind.get(id) ?? []) {
      if (next === start) return [...path, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = walk(next, [...path, next]);
      if (found) return found;
    }
    return undefined;
  };
  return walk(start, [start]);
}
