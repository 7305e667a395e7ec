import type { EventBatch } from "../../../engine/batch.js";
import type { Inlet, Limits, Prepared } from "../../../engine/contracts.js";
import { DeliveryError, type HeadraceError } from "../../../engine/errors.js";
import { NEVER } from "../../../engine/delivery.js";
import { nextLoopTurn } from "../../../engine/turn.js";
import { messageOf } from "../event-message.js";
import type { RedNode } from "../node-red.js";
import type { HandOver } from "../ordinary-inlet.js";
import { FirstSend } from "./first-send.js";
import { PathRoom } from "./path-room.js";
import { TrackedBatch } from "./tracked-batch.js";
import type { TrackedPaths } from "./tracked-paths.js";

/** Events in one take: enough for a turn of the event loop, and a rollback stays small. */
const MOST_IN_TAKE = 100;
const NO_LIMITS: Limits = { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

export interface TrackingSettings {
  /** `handOver`: done as soon as the next node has the messages. */
  readonly mode: "tracked" | "handOver";
  /** Seconds without progress after which a batch is rolled back. */
  readonly timeLimit: number;
  /** Events that may be under way at once behind one wire. */
  readonly inFlight: number;
}

/**
 * An ordinary node as something that a batch can enter: one message per event, done when every message derived from
 * them has been settled. Rejects with the events that failed; the others are done with.
 */
export class TrackedInlet implements Inlet {
  readonly id: string;
  readonly limits = NO_LIMITS;
  readonly takeSize: number;
  readonly maxInFlight: number;
  readonly timeLimit: number;
  readonly #from: HandOver;
  readonly #target: RedNode;
  readonly #paths: TrackedPaths;
  readonly #room: PathRoom;
  /** Batches hand their messages over one after the other, so that their order stays. */
  #handingOver: Promise<void> = Promise.resolve();

  constructor(from: HandOver, target: RedNode, settings: TrackingSettings, paths: TrackedPaths) {
    this.id = `${from.node.id}:${from.port}>${target.id}`;
    this.#from = from;
    this.#target = target;
    this.#paths = paths;
    this.timeLimit = settings.timeLimit;
    this.#room = new PathRoom(settings.inFlight);
    this.takeSize = Math.min(MOST_IN_TAKE, settings.inFlight);
    this.maxInFlight = Math.max(1, Math.floor(settings.inFlight / this.takeSize));
  }

  /** At a stop Node-RED closes the ordinary nodes together with ours. */
  get closed(): boolean {
    return this.#from.phase.ending;
  }

  async prepare(batch: EventBatch, signal: AbortSignal): Promise<Prepared> {
    if (!this.#from.phase.running) throw new DeliveryError("FLUME_STOPPED");
    const room = this.#room.take(batch.length, signal);
    const taken = typeof room === "number" ? room : await room;
    return {
      commit: async () => {
        try {
          await this.#deliver(batch, taken);
        } finally {
          this.#room.release(taken);
        }
      },
      abort: () => this.#room.release(taken),
    };
  }

  /** A deploy begins, or the flows stop: whoever waits comes again. */
  refuseWaiting(): void {
    this.#room.refuseWaiting(new DeliveryError("FLUME_STOPPED"));
  }

  async #deliver(batch: EventBatch, window: number): Promise<void> {
    const tracked = new TrackedBatch(batch.length);
    this.#paths.begin(this, tracked);
    try {
      const before = this.#handingOver;
      let handedOver!: () => void;
      this.#handingOver = new Promise((resolve) => (handedOver = resolve));
      try {
        await before;
        await this.#handOver(batch, tracked, window);
      } finally {
        // The next batch has a turn of its own: the fewer messages are under way at once, the fewer survive a collection.
        if (tracked.underWay > 0) void nextLoopTurn().then(handedOver);
        else handedOver();
      }
      while (!tracked.isSettled) await tracked.progress();
    } finally {
      this.#paths.end(this, tracked);
    }
    if (tracked.failed.size > 0) throw rejection(tracked);
  }

  async #handOver(batch: EventBatch, tracked: TrackedBatch, window: number): Promise<void> {
    const { payload, node, port } = this.#from;
    const { tracker } = this.#paths;
    for (let i = 0; i < batch.length; i++) {
      // Only a pause can change anything.
      let paused = i === 0;
      if (i > 0 && i % MOST_IN_TAKE === 0) {
        await nextLoopTurn();
        paused = true;
      }
      while (tracked.underWay >= window) {
        await tracked.progress();
        paused = true;
      }
      if (paused && !(await this.#usable())) {
        tracked.refuseFrom(i, new DeliveryError("FLUME_STOPPED"));
        return;
      }
      const record = tracker.openEvent(tracked, i);
      tracked.begin(record);
      const message = messageOf(batch.at(i), payload, tracker.idOf(record));
      tracker.handOver(record, new FirstSend(message, node, port, this.#target.id));
    }
  }

  /** Waits through a deploy; false when the flows stop, or one of both ends has been replaced. */
  async #usable(): Promise<boolean> {
    const { phase, node } = this.#from;
    if (phase.ending) return false;
    if (!phase.running) await phase.whenRunning(NEVER);
    return node._flow.getNode(this.#target.id) === this.#target;
  }
}

function rejection({ failed }: TrackedBatch): DeliveryError {
  let worst: HeadraceError | undefined;
  for (const error of failed.values()) {
    // A deploy is nobody's fault: it says so only if nothing else went wrong.
    if (!worst || worst.code === "FLUME_STOPPED") worst = error;
  }
  if (!worst) throw new Error("a batch without failures was rejected");
  return new DeliveryError(worst.code, {
    outcome: "unknown",
    failed,
    parameters: worst.parameters,
    cause: worst.cause,
  });
}
