import type { EventBatch } from "../../engine/batch.js";
import type { PayloadForm } from "../../engine/common-properties.js";
import type { Inlet, Limits, Prepared } from "../../engine/contracts.js";
import { DeliveryError } from "../../engine/errors.js";
import { nextLoopTurn } from "../../engine/turn.js";
import type { DeployPhase } from "./deploy-phase.js";
import { messageOf } from "./event-message.js";
import type { NodeMessage, RedNode } from "./node-red.js";
import { RateSampler } from "./rate-sampler.js";

/** Messages sent in one turn of the event loop: each hop is a `setImmediate`, so more would only pile up. */
const MESSAGES_PER_TURN = 100;
const NO_LIMITS: Limits = { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

export interface HandOver {
  readonly node: RedNode;
  readonly port: number;
  readonly payload: PayloadForm;
  readonly phase: DeployPhase;
  newId(): string;
}

/**
 * Sends one message to one target of a port. `node.send` would also reach the Flume nodes on that port,
 * which get batches instead; so this enters Node-RED's message path one step later (internal, the same on
 * 4.1 and 5). Hooks run as for any message.
 */
export function sendTo(from: HandOver, target: RedNode, msg: NodeMessage): void {
  const { node, port } = from;
  node._flow.send([{ msg, source: { id: node.id, node, port }, destination: { id: target.id }, cloneMessage: false }]);
}

/**
 * An ordinary node as something that a batch can enter: one message per event, done at hand-over. Refuses
 * while flows are stopped or redeployed, because Node-RED then drops messages without a word.
 */
export class OrdinaryInlet implements Inlet {
  readonly id: string;
  readonly limits = NO_LIMITS;
  readonly takeSize = MESSAGES_PER_TURN;
  readonly maxInFlight = 1;
  readonly #from: HandOver;
  readonly #target: RedNode;

  constructor(from: HandOver, target: RedNode) {
    this.id = `${from.node.id}:${from.port}>${target.id}`;
    this.#from = from;
    this.#target = target;
  }

  async prepare(batch: EventBatch): Promise<Prepared> {
    this.#checkRunning("none");
    return { commit: () => this.#handOver(batch), abort: () => undefined };
  }

  async #handOver(batch: EventBatch): Promise<void> {
    for (let i = 0; i < batch.length; i++) {
      if (i % MESSAGES_PER_TURN === 0) {
        if (i > 0) await nextLoopTurn();
        this.#checkRunning(i > 0 ? "partial" : "none");
      }
      sendTo(this.#from, this.#target, messageOf(batch.at(i), this.#from.payload, this.#from.newId()));
    }
    // Lets the target have them before more are made.
    await nextLoopTurn();
  }

  #checkRunning(outcome: "none" | "partial"): void {
    if (!this.#from.phase.running) throw new DeliveryError("FLUME_STOPPED", { outcome });
  }
}

/** A Debug node: it keeps every message in memory for a slow browser, so it gets samples and a count of the rest. */
export class DebugInlet implements Inlet {
  readonly id: string;
  readonly limits = NO_LIMITS;
  readonly takeSize = Number.POSITIVE_INFINITY;
  readonly maxInFlight = Number.POSITIVE_INFINITY;
  readonly #from: HandOver;
  readonly #target: RedNode;
  readonly #sampler: RateSampler;

  constructor(from: HandOver, target: RedNode) {
    this.id = `${from.node.id}:${from.port}>${target.id}`;
    this.#from = from;
    this.#target = target;
    this.#sampler = new RateSampler((skipped) => this.#send({ payload: `… ${skipped} more`, flume: { skipped } }));
  }

  prepare(batch: EventBatch): Promise<Prepared> {
    return Promise.resolve({
      commit: () => {
        const shown = this.#sampler.admit(batch.length);
        for (let i = 0; i < shown; i++) this.#send(messageOf(batch.at(i), this.#from.payload, this.#from.newId()));
        return Promise.resolve();
      },
      abort: () => undefined,
    });
  }

  #send(message: NodeMessage): void {
    if (this.#from.phase.running) sendTo(this.#from, this.#target, { _msgid: this.#from.newId(), ...message });
  }
}
