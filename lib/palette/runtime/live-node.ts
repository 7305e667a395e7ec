import type { Declaration } from "../../engine/component.js";
import type { CounterGroup } from "../../engine/counters.js";
import type { Inlet } from "../../engine/contracts.js";
import type { MessageIntake } from "./message-intake.js";
import type { NodeFace } from "./node-face.js";
import type { NodeStatus } from "./node-red.js";
import type { PortWiring } from "./port-wiring.js";
import type { TrackingSettings } from "./tracking/tracked-inlet.js";

/**
 * A running component and what is wired to it. It outlives Node-RED's node object: a deploy that leaves the
 * node's settings alone hands the same live node to the new object, with its sockets, its events and what is
 * under way.
 */
export interface LiveNode {
  readonly id: string;
  readonly declaration: Declaration;
  /** Same type and settings: the same live node goes on. */
  readonly key: string;
  readonly face: NodeFace;
  readonly counterGroup: CounterGroup | undefined;
  /** One per output port; the dead-letter port, if there is one, is the last. */
  readonly ports: readonly PortWiring[];
  readonly deadLetterPort: number | undefined;
  /** How bodies become `msg.payload` at its ports. */
  readonly payload: "auto" | "text" | "buffer";
  /** How messages to ordinary nodes behind it are followed. */
  readonly tracking: TrackingSettings;
  /** Where batches enter, if they can now. */
  inlet(): Inlet | undefined;
  readonly intake: MessageIntake | undefined;
  /** Wires were looked up anew, or the flows run again: start what can run. */
  settle(): void;
  /** With nothing to complain about, and given the rate of the last second. */
  status(rate: number): NodeStatus;
  /** Events so far, for the rate. */
  readonly progress: number;
  stop(): Promise<void>;
}
