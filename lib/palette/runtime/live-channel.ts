import { ChannelRunner } from "../../engine/channel-runner.js";
import type { ChannelComponent } from "../../engine/component.js";
import type { Channel } from "../../engine/contracts.js";
import { type Durability, durabilityOf } from "../../engine/durability.js";
import { HeadraceError } from "../../engine/errors.js";
import { contextOf } from "./component-context.js";
import type { DeployPhase } from "./deploy-phase.js";
import { statusText } from "./language.js";
import type { LiveNode } from "./live-node.js";
import { MessageIntake } from "./message-intake.js";
import { shownError } from "./node-face.js";
import type { NodeSettings } from "./node-settings.js";
import { besideEachOther, fillStatus, startingStatus } from "./status-text.js";
import { StartingInlet } from "./starting-inlet.js";
import { SupervisedStart } from "./supervised-start.js";

export interface LiveChannel extends LiveNode {
  readonly channel: Channel;
  readonly durability: Durability;
  /** Nothing held that could still be delivered. */
  readonly drained: boolean;
  /** The node is disabled: it holds what it has and takes part in nothing. */
  pause(): Promise<void>;
  /** A live node with other settings goes on with the channel, which stays as it is. */
  handOver(): Promise<void>;
  /** Stops for good: what it holds in memory is lost. */
  remove(): Promise<void>;
}

/** A channel, and the runner that takes from it for what is wired behind it. */
export function liveChannel(
  component: ChannelComponent,
  settings: NodeSettings,
  phase: DeployPhase,
  before: Promise<unknown> | undefined,
  /** Once it has started it is a target: wires are looked up again. */
  onStarted: () => void,
  /** A running channel that takes these settings over, with what it holds. */
  running?: Channel,
): LiveChannel {
  const { face, config, id, ports } = settings;
  const channel = running ?? component.create(config, contextOf(settings));
  const [port] = ports;
  const runner =
    port &&
    new ChannelRunner(channel, id, port, {
      report: (error) => face.report(error),
      onMiss: (route) => face.counters.add("EventOptionalMissCount", route.batch.length),
      poison: settings.refusal && { attempts: Number(config["attemptsBeforeSplit"]), exit: settings.refusal },
    });
  const supervised = new SupervisedStart(channel, before, {
    report: (error) => face.report(error),
    started: onStarted,
  });
  face.counters.gauge("ChannelSize", () => channel.size ?? 0);
  face.counters.gauge("ChannelCapacity", () => channel.capacity ?? 0);
  const durability = durabilityOf(component, config) ?? "none";
  const entrance = () => (supervised.started ? channel : undefined);
  const starting = new StartingInlet(channel, supervised);
  const stop = async () => {
    await runner?.stop();
    await supervised.stop();
  };

  return {
    ...settings,
    channel,
    durability,
    counterGroup: "CHANNEL",
    inlet: () => entrance() ?? starting,
    intake: new MessageIntake(entrance, phase, shownError, () => supervised.settled),
    settle() {
      supervised.begin();
      if (supervised.started) runner?.start();
    },
    get drained() {
      if (!runner || port?.current.length === 0 || port?.current.some((inlet) => inlet.closed)) return true;
      return (channel.size ?? 0) === 0 && !runner.busy;
    },
    status() {
      if (!supervised.started) return startingStatus();
      const promise = statusText(durability);
      // What others hold for it has no measure here.
      if (channel.capacity === undefined) return { fill: "green", shape: "dot", text: promise };
      const { fill, percent } = fillStatus(channel.size ?? 0, channel.capacity);
      return { fill, shape: "dot", text: besideEachOther(`${percent} %`, promise) };
    },
    get progress() {
      return face.counters.get("EventTakeSuccessCount");
    },
    async pause() {
      await runner?.stop();
    },
    async handOver() {
      await runner?.stop();
      await supervised.handOver();
    },
    stop,
    async remove() {
      await stop();
      channel.discard?.();
    },
  };
}

export function isLiveChannel(node: LiveNode): node is LiveChannel {
  return "channel" in node;
}

/** What is lost with the process, or with the channel: events that are in memory only. */
export function eventsAtStake({ channel, durability }: LiveChannel): number {
  return channel.volatileSize ?? (durability === "none" ? (channel.size ?? 0) : 0);
}

/** What the end of the process would cost now, if anything. */
export function notDrained(node: LiveChannel, seconds: number): HeadraceError | undefined {
  const events = eventsAtStake(node);
  if (events === 0) return undefined;
  const kept = (node.channel.size ?? 0) - events;
  return kept > 0
    ? new HeadraceError("FLUME_CHANNEL_PARTLY_NOT_DRAINED", { events, seconds, kept })
    : new HeadraceError("FLUME_CHANNEL_NOT_DRAINED", { events, seconds });
}
