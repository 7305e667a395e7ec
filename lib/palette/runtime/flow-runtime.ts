import type { ChannelComponent, RoutingComponent, SinkComponent, SourceComponent } from "../../engine/component.js";
import type { Inlet } from "../../engine/contracts.js";
import { HeadraceError } from "../../engine/errors.js";
import { contextOf } from "./component-context.js";
import { DeployPhase } from "./deploy-phase.js";
import { isInFlow } from "./flow-ids.js";
import { FlowWiring } from "./flow-wiring.js";
import { eventsAtStake, isLiveChannel, type LiveChannel, liveChannel } from "./live-channel.js";
import type { LiveNode } from "./live-node.js";
import type { MessageIntake } from "./message-intake.js";
import { liveRouter } from "./live-router.js";
import { liveSink } from "./live-sink.js";
import { liveSource } from "./live-source.js";
import { useLanguage } from "./language.js";
import { NodeFace, shownError } from "./node-face.js";
import type { FlowsEvent, NodeDefinition, NodeRed, RedNode } from "./node-red.js";
import { readDefinition, settingsOf } from "./node-settings.js";
import { drainAndStop } from "./shutdown.js";
import { StatusBoard } from "./status-board.js";

export type FlowComponent = SourceComponent | ChannelComponent | SinkComponent | RoutingComponent;

/**
 * All Flume nodes of one Node-RED: keeps live nodes through deploys, looks wires up when flows have started,
 * starts channels, sinks, then sources, and brings everything to a stop in the other order.
 */
export class FlowRuntime {
  readonly #red: NodeRed;
  readonly #phase: DeployPhase;
  readonly #wiring: FlowWiring;
  /** Live nodes by node id, those of disabled channels included. */
  readonly #live = new Map<string, LiveNode>();
  /** Node objects of now. A live node without one is disabled, or gone. */
  readonly #shells = new Map<string, RedNode>();
  /** Predecessors on their way out, by node id. */
  readonly #leaving = new Map<string, Promise<void>>();
  /** Channels in memory that held events when the flows were stopped: they may be started again in this process. */
  readonly #held = new Map<string, LiveChannel>();
  /** Nodes whose settings cannot work, and what is wrong, by node id. */
  readonly #refused = new Map<string, { face: NodeFace; problems: readonly HeadraceError[] }>();
  #shutdown: Promise<void> | undefined;

  constructor(red: NodeRed) {
    this.#red = red;
    useLanguage(red.settings.lang);
    this.#phase = new DeployPhase(red, {
      running: (flows) => this.#onRunning(flows),
      stopping: () => {
        this.#shutdown = this.#drainAndStop();
      },
    });
    this.#wiring = new FlowWiring(red, this.#phase);
    new StatusBoard(this.#live, this.#shells, this.#wiring).begin();
  }

  get live(): ReadonlyMap<string, LiveNode> {
    return this.#live;
  }

  /** What following messages through ordinary nodes keeps now. */
  get tracking(): FlowWiring["tracking"] {
    return this.#wiring.tracking;
  }

  /** Called by the constructor of each node object. */
  attach(shell: RedNode, component: FlowComponent, definition: NodeDefinition): void {
    const { id } = shell;
    this.#shells.set(id, shell);
    const old = this.#live.get(id);
    const face = old?.face ?? this.#held.get(id)?.face ?? new NodeFace(id, this.#phase);
    face.attach(shell);
    const read = readDefinition(this.#red, component, definition, shell.credentials);
    if (read.problems.length > 0) {
      this.#refuse(shell, face, read.problems);
      return;
    }
    // What was wrong is corrected, perhaps back to what a live node has all along.
    if (this.#refused.delete(id)) face.report();
    if (old?.key === read.key) return;
    face.report();
    const settings = settingsOf(this.#red, component, read, face, this.#phase, old);
    this.#live.set(id, this.#create(component, settings, old));
  }

  /** Where batches enter the node of now; undefined while its settings cannot work. */
  inletOf(id: string): Inlet | undefined {
    return this.#refused.has(id) ? undefined : this.#live.get(id)?.inlet();
  }

  /** The same for messages of ordinary nodes. */
  intakeOf(id: string): MessageIntake | undefined {
    return this.#refused.has(id) ? undefined : this.#live.get(id)?.intake;
  }

  /** What a message gets that reaches a node whose settings cannot work. */
  notRunning(): Error {
    return shownError(new HeadraceError("FLUME_STOPPED"));
  }

  /** Called when a node object closes; resolves when Node-RED may go on. */
  async detach(shell: RedNode): Promise<void> {
    if (this.#shells.get(shell.id) === shell) {
      this.#shells.delete(shell.id);
      if (!this.#shutdown) this.#live.get(shell.id)?.face.detach();
    }
    await this.#shutdown;
  }

  #create(component: FlowComponent, settings: ReturnType<typeof settingsOf>, old: LiveNode | undefined): LiveNode {
    const rewire = () => this.#rewire();
    if (component.role === "channel") {
      const running = old && isLiveChannel(old) ? old.channel : this.#held.get(settings.id)?.channel;
      this.#held.delete(settings.id);
      if (running && component.reconfigure?.(running, settings.config, contextOf(settings))) {
        const handedOver = old && isLiveChannel(old) ? this.#leave(settings.id, old.handOver()) : undefined;
        return liveChannel(component, settings, this.#phase, handedOver, rewire, running);
      }
    }
    const before = old ? this.#leave(settings.id, removed(old)) : this.#leaving.get(settings.id);
    switch (component.role) {
      case "source":
        return liveSource(component, settings, this.#phase, before);
      case "channel":
        return liveChannel(component, settings, this.#phase, before, rewire);
      case "sink":
        return liveSink(component, settings, this.#red, this.#phase, before);
      case "routing":
        return liveRouter(component, settings, this.#phase);
    }
  }

  /** Remembers who is on the way out, so that a successor waits for ports and directories. */
  #leave(id: string, stopping: Promise<void>): Promise<void> {
    const gone = Promise.all([this.#leaving.get(id), stopping])
      .then(() => undefined)
      .catch((error: unknown) => this.#live.get(id)?.face.report(error))
      .finally(() => {
        if (this.#leaving.get(id) === gone) this.#leaving.delete(id);
      });
    this.#leaving.set(id, gone);
    return gone;
  }

  /** Settings that cannot work: the node does not run; the rest of the flow does. */
  #refuse(shell: RedNode, face: NodeFace, problems: readonly HeadraceError[]): void {
    this.#shells.delete(shell.id);
    // Told once the flows run: an error in a constructor reaches no Catch node.
    this.#refused.set(shell.id, { face, problems });
  }

  #onRunning(flows: FlowsEvent["config"]["flows"]): void {
    this.#shutdown = undefined;
    const gone: LiveNode[] = [];
    for (const [id, node] of this.#live) {
      if (this.#shells.has(id)) continue;
      if (isLiveChannel(node) && isInFlow(flows, id)) {
        void this.#leave(id, node.pause());
        continue;
      }
      this.#live.delete(id);
      gone.push(node);
      if (isLiveChannel(node)) this.#warnOfRemoval(node);
      void this.#leave(id, removed(node));
    }
    for (const [id, node] of this.#held) {
      if (isInFlow(flows, id)) continue;
      this.#held.delete(id);
      this.#warnOfRemoval(node);
      void this.#leave(id, removed(node));
    }
    this.#rewire();
    this.#tellRefused(flows);
    // What removed nodes had under way goes where it was going, as far as that is still there.
    for (const node of gone) for (const port of node.ports) port.wake();
  }

  /** Each deploy of a node tells anew what is wrong with it; one that does not concern it tells nothing. */
  #tellRefused(flows: FlowsEvent["config"]["flows"]): void {
    for (const [id, { face, problems }] of this.#refused) {
      if (!isInFlow(flows, id)) {
        this.#refused.delete(id);
        continue;
      }
      if (problems.length === 0) continue;
      face.report();
      for (const problem of problems) face.report(problem);
      this.#wiring.showInvalid(face);
      this.#refused.set(id, { face, problems: [] });
    }
  }

  /** Its node object is gone, so the text has to say which it was. */
  #warnOfRemoval(node: LiveChannel): void {
    const events = eventsAtStake(node);
    if (events === 0) return;
    const { name } = node.face;
    const channel = name === node.id ? name : `${name} (${node.id})`;
    this.#red.log.warn(shownError(new HeadraceError("FLUME_CHANNEL_REMOVED", { channel, events })).message);
  }

  /** Looks all wires up, then lets everything start that can: channels, sinks, routing, sources. */
  #rewire(): void {
    if (!this.#phase.running) return;
    const running = [...this.#live.values()].filter((node) => this.#shells.has(node.id));
    this.#wiring.lookUp(running, this.#shells);
    for (const group of ["CHANNEL", "SINK", undefined, "SOURCE"] as const) {
      for (const node of running) if (node.counterGroup === group && !this.#wiring.onCycle(node.id)) node.settle();
    }
    for (const node of running) for (const port of node.ports) port.wake();
  }

  async #drainAndStop(): Promise<void> {
    const nodes = [...this.#live.values()].filter((node) => this.#shells.has(node.id));
    await drainAndStop(nodes, this.#red.settings);
    for (const node of nodes) {
      if (isLiveChannel(node) && eventsAtStake(node) > 0) this.#held.set(node.id, node);
      this.#live.delete(node.id);
    }
  }
}

function removed(node: LiveNode): Promise<void> {
  return isLiveChannel(node) ? node.remove() : node.stop();
}

const runtimes = new WeakMap<object, FlowRuntime>();

/** The runtime of this Node-RED: each node set gets a `RED` of its own, but they share the events. */
export function flowRuntime(red: NodeRed): FlowRuntime {
  let runtime = runtimes.get(red.events);
  if (!runtime) {
    runtime = new FlowRuntime(red);
    runtimes.set(red.events, runtime);
  }
  return runtime;
}
