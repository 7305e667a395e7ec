import { batchOf, type EventBatch } from "../../engine/batch.js";
import type { Inlet, Route } from "../../engine/contracts.js";
import { Delivery, expandRoutes, NEVER, routesTo } from "../../engine/delivery.js";
import { HeadraceError, isDeliveryError, isHeadraceError } from "../../engine/errors.js";
import { eventBytes, type FlumeEvent } from "../../engine/event.js";
import { nextLoopTurn } from "../../engine/turn.js";
import type { DeployPhase } from "./deploy-phase.js";
import { eventOf } from "./event-message.js";
import type { DoneFunction, NodeMessage } from "./node-red.js";

/** What may wait before a full channel: a flow that floods a node must not fill the memory. */
const MOST_MESSAGES = 10_000;
const MOST_BYTES = 16 * 1024 * 1024;
/** Messages that arrive in one turn travel as one batch of at most this many. */
const MOST_IN_BATCH = 1000;

class Waiting {
  readonly event: FlumeEvent;
  readonly bytes: number;
  readonly done: DoneFunction;

  constructor(event: FlumeEvent, bytes: number, done: DoneFunction) {
    this.event = event;
    this.bytes = bytes;
    this.done = done;
  }
}

/** Why a message was not accepted, by its place in the batch. */
type Rejected = (index: number) => Error | undefined;

/**
 * Messages of ordinary nodes on their way into one Flume node. `done()` is called when the event is
 * committed, `done(error)` when it was not accepted: the sender still has it.
 */
export class MessageIntake {
  readonly #inlet: () => Inlet | undefined;
  readonly #phase: DeployPhase;
  readonly #shown: (error: HeadraceError) => Error;
  readonly #ready: () => Promise<void>;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #underWay = 0;
  #delivering = false;

  /** `ready` resolves when the node has started, or will not; until then messages wait, as they do for room. */
  constructor(
    inlet: () => Inlet | undefined,
    phase: DeployPhase,
    shown: (error: HeadraceError) => Error,
    ready: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.#inlet = inlet;
    this.#phase = phase;
    this.#shown = shown;
    this.#ready = ready;
  }

  /** Messages not yet settled. */
  get waiting(): number {
    return this.#waiting.length + this.#underWay;
  }

  accept(message: NodeMessage, done: DoneFunction): void {
    try {
      if (this.waiting >= MOST_MESSAGES || this.#bytes >= MOST_BYTES) {
        throw new HeadraceError("FLUME_INTAKE_FULL", { waiting: this.waiting });
      }
      const event = eventOf(message);
      const bytes = eventBytes(event);
      this.#waiting.push(new Waiting(event, bytes, done));
      this.#bytes += bytes;
    } catch (error) {
      done(this.#error(error));
      return;
    }
    if (!this.#delivering) {
      this.#delivering = true;
      void this.#deliverWaiting();
    }
  }

  async #deliverWaiting(): Promise<void> {
    // Each message comes in a callback of its own (a setImmediate): in the next turn all of this one are here, and a
    // batch of a hundred costs little more than a batch of one.
    await nextLoopTurn();
    while (this.#waiting.length > 0) {
      // Other nodes send before the flows have started: an Inject node at once, a Function node on its start.
      if (!this.#inlet() && !this.#phase.ending) {
        await this.#phase.whenRunning(NEVER);
        await this.#ready();
      }
      const inlet = this.#inlet();
      const most = Math.min(MOST_IN_BATCH, inlet?.limits.events ?? 1);
      const batch = this.#waiting.splice(0, most);
      this.#underWay = batch.length;
      const rejected = await this.#deliver(batch);
      this.#underWay = 0;
      for (const [index, { bytes, done }] of batch.entries()) {
        this.#bytes -= bytes;
        const error = rejected?.(index);
        if (error) done(error);
        else done();
      }
    }
    this.#delivering = false;
  }

  async #deliver(waiting: readonly Waiting[]): Promise<Rejected | undefined> {
    const batch = batchOf(waiting.map(({ event }) => event));
    for (;;) {
      const inlet = this.#inlet();
      let routes: readonly Route[] = [];
      try {
        if (!inlet) throw new HeadraceError("FLUME_NO_TARGET");
        routes = await expandRoutes(routesTo([inlet], batch));
        await new Delivery(routes).attempt(NEVER);
        return undefined;
      } catch (error) {
        const rejected = this.#rejected(error, routes, batch);
        const replaced = isHeadraceError(error) && error.code === "FLUME_STOPPED" && !this.#phase.ending;
        if (!replaced) return rejected;
        await this.#phase.whenRunning(NEVER);
        if (this.#inlet() === inlet) return rejected;
      }
    }
  }

  /** An inlet that names the events which failed has accepted the others, if each message is one event there. */
  #rejected(error: unknown, routes: readonly Route[], batch: EventBatch): Rejected {
    const [route] = routes;
    const failed = isDeliveryError(error) ? error.failed : undefined;
    if (!failed || routes.length !== 1 || route?.batch.length !== batch.length) {
      const all = this.#error(error);
      return () => all;
    }
    return (index) => {
      const own = failed.get(index);
      return own && this.#error(own);
    };
  }

  #error(error: unknown): Error {
    if (isHeadraceError(error)) return this.#shown(error);
    return error instanceof Error ? error : new Error(String(error));
  }
}
