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

/** How much of a batch was handed over, by inlet, before a deploy interrupted it: the next attempt goes on from there. */
const interrupted = new WeakMap<EventBatch, Map<string, number>>();

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
  readonly #oneByOne: () => boolean;
  /** The batch before, until all of it is handed over: a source may have several under way, in order. */
  #before: Promise<unknown> = Promise.resolve();

  /** `oneByOne`: a node on the path takes one message in each turn of the event loop. */
  constructor(from: HandOver, target: RedNode, oneByOne: () => boolean) {
    this.id = `${from.node.id}:${from.port}>${target.id}`;
    this.#from = from;
    this.#target = target;
    this.#oneByOne = oneByOne;
  }

  get closed(): boolean {
    return this.#from.phase.ending;
  }

  async prepare(batch: EventBatch): Promise<Prepared> {
    if (!this.#from.phase.running) throw new DeliveryError("FLUME_STOPPED");
    return { commit: () => this.#inOrder(batch), abort: () => undefined };
  }

  #inOrder(batch: EventBatch): Promise<void> {
    const mine = this.#before.then(() => this.#handOver(batch));
    this.#before = mine.catch(() => undefined);
    return mine;
  }

  async #handOver(batch: EventBatch): Promise<void> {
    let at = interrupted.get(batch)?.get(this.id) ?? 0;
    interrupted.get(batch)?.delete(this.id);
    while (at < batch.length) {
      if (!this.#from.phase.running) this.#interrupt(batch, at);
      const end = Math.min(at + (this.#oneByOne() ? 1 : MESSAGES_PER_TURN), batch.length);
      for (let i = at; i < end; i++) {
        sendTo(this.#from, this.#target, messageOf(batch.at(i), this.#from.payload, this.#from.newId()));
      }
      // Lets the target have them before more are made.
      await nextLoopTurn();
      if (this.#closedMeanwhile) this.#interrupt(batch, at);
      at = end;
    }
  }

  /** A deploy that began in the turn of the sending has closed the target before it had the messages. */
  get #closedMeanwhile(): boolean {
    const { node, phase } = this.#from;
    return !phase.running && node._flow.getNode(this.#target.id) !== this.#target;
  }

  #interrupt(batch: EventBatch, at: number): never {
    const places = interrupted.get(batch) ?? new Map<string, number>();
    interrupted.set(batch, places.set(this.id, at));
    throw new DeliveryError("FLUME_STOPPED", { outcome: at > 0 ? "partial" : "none" });
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
