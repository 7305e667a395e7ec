import { within } from "../../engine/backoff.js";
import type { EventBatch } from "../../engine/batch.js";
import type { SinkComponent, SinkContext } from "../../engine/component.js";
import { SinkInlet } from "../../engine/sink-inlet.js";
import { contextOf } from "./component-context.js";
import { DebugSidebar } from "./debug-sidebar.js";
import type { DeployPhase } from "./deploy-phase.js";
import { statusText } from "./language.js";
import type { LiveNode } from "./live-node.js";
import { MessageIntake } from "./message-intake.js";
import { shownError } from "./node-face.js";
import type { NodeRed } from "./node-red.js";
import type { NodeSettings } from "./node-settings.js";
import { rateText, startingStatus } from "./status-text.js";
import { SupervisedStart } from "./supervised-start.js";

/** How long a stop waits for the writes under way, in milliseconds. */
const STOP_WAIT = 5000;

/** A sink: takes batches once it has started. */
export function liveSink(
  component: SinkComponent,
  settings: NodeSettings,
  red: NodeRed,
  phase: DeployPhase,
  before: Promise<unknown> | undefined,
): LiveNode {
  const { face, config, refusal, id } = settings;
  const sidebar = new DebugSidebar(red, face);
  // Defined on top of it, not copied from it: its name is looked up each time.
  const context: SinkContext = Object.defineProperty(contextOf(settings) as SinkContext, "debug", {
    value: (batch: EventBatch, format: (index: number) => string) => sidebar.show(batch.length, format),
  });
  const sink = component.create(config, context);
  const inlet = new SinkInlet(id, sink, face.counters, refusal);
  const supervised = new SupervisedStart(sink, before, {
    report: (error) => face.report(error),
    started: () => inlet.open(),
  });

  return {
    ...settings,
    counterGroup: "SINK",
    inlet: () => inlet,
    intake: new MessageIntake(() => inlet, phase, shownError),
    settle: () => supervised.begin(),
    status(rate) {
      if (!supervised.started) return startingStatus();
      // Whoever sent the batch reports why; which of several sinks it was is told here.
      if (inlet.failing) return { fill: "red", shape: "ring", text: statusText("writeFailed") };
      return { fill: "green", shape: rate > 0 ? "dot" : "ring", text: rateText(rate) };
    },
    get progress() {
      return face.counters.get("EventDrainSuccessCount");
    },
    async stop() {
      await within(STOP_WAIT, inlet.close());
      await supervised.stop();
    },
  };
}
