import type { SourceComponent } from "../../engine/component.js";
import type { Source, SourceShare } from "../../engine/contracts.js";
import { HeadraceError } from "../../engine/errors.js";
import { contextOf } from "./component-context.js";
import type { DeployPhase } from "./deploy-phase.js";
import { statusText } from "./language.js";
import type { LiveNode } from "./live-node.js";
import type { NodeSettings } from "./node-settings.js";
import type { NodeStatus } from "./node-red.js";
import { SourceOutlet } from "./source-outlet.js";
import { besideEachOther, durationText, rateText, startingStatus } from "./status-text.js";
import { SupervisedStart } from "./supervised-start.js";

/** A source: runs while something is wired behind it. */
export function liveSource(
  component: SourceComponent,
  settings: NodeSettings,
  phase: DeployPhase,
  before: Promise<unknown> | undefined,
): LiveNode {
  const { face, ports, config } = settings;
  const source: Source = component.create(config, contextOf(settings));
  const [port] = ports;
  const outlet =
    port && new SourceOutlet(port, phase, face.counters, () => face.counters.add("EventOptionalMissCount"));
  const supervise = (after: Promise<unknown> | undefined) =>
    new SupervisedStart(
      { start: () => (outlet ? source.start(outlet) : Promise.resolve()), stop: () => source.stop() },
      after,
      { report: (error) => face.report(error), started: () => undefined },
    );
  let supervised = supervise(before);
  let mismatch: HeadraceError | undefined;
  let wiredToNothing = false;

  /** Nothing takes what would come in: clients are refused rather than kept waiting, in any number. */
  const pause = () => {
    if (supervised.begun) supervised = supervise(supervised.stop());
    const hasWires = face.shell?.wires.some((wires) => wires.length > 0) ?? false;
    // With wires to what is disabled it is a pause, and the status says enough.
    if (!hasWires && !wiredToNothing) face.report(new HeadraceError("FLUME_NO_TARGET"));
    wiredToNothing = !hasWires;
  };

  return {
    ...settings,
    counterGroup: "SOURCE",
    intake: undefined,
    inlet: () => undefined,
    settle() {
      if (!outlet) return;
      if (!port.wired) {
        pause();
        return;
      }
      if (wiredToNothing) face.report();
      wiredToNothing = false;
      if (port.current.length === 0) return;
      const before = mismatch;
      mismatch = batchMismatch(
        component,
        config,
        outlet.limits.events,
        port.current.map((inlet) => inlet.id),
      );
      if (mismatch) {
        face.report(mismatch);
        return;
      }
      if (before) face.report();
      supervised.begin();
    },
    status: (rate): NodeStatus =>
      mismatch || !supervised.started ? startingStatus() : runningStatus(source.share, rate),
    get progress() {
      return face.counters.get("EventAcceptedCount");
    },
    stop: () => supervised.stop(),
  };
}

/** The rate, and of a source that shares its origin with others what it has of it and how late that is. */
function runningStatus(share: SourceShare | undefined, rate: number): NodeStatus {
  const shape = rate > 0 ? "dot" : "ring";
  if (!share) return { fill: "green", shape, text: rateText(rate) };
  const { held, lag, expired } = share;
  if (expired) return { fill: "yellow", shape, text: besideEachOther(statusText("expired"), rateText(rate)) };
  const shards = statusText(held === 1 ? "shard" : "shards");
  return { fill: "green", shape, text: besideEachOther(`${held} ${shards}`, durationText(lag), rateText(rate)) };
}

/** Flume refuses a source whose batches its channel could never take; so do we, before it runs. */
function batchMismatch(
  component: SourceComponent,
  config: NodeSettings["config"],
  limit: number,
  channels: readonly string[],
): HeadraceError | undefined {
  const batchSize = component.batchSize?.(config) ?? 1;
  if (batchSize <= limit) return undefined;
  return new HeadraceError("FLUME_BATCH_SIZE_ABOVE_TRANSACTION", { batchSize, limit, channel: channels.join(", ") });
}
