import type { SendEvent } from "../node-red.js";
import type { EventRecord } from "./event-record.js";
import { targetOf } from "./node-internals.js";
import type { OpenRecords } from "./open-records.js";

/** On the event that Node-RED makes for each message and wire: the record that it holds open. */
const ROUTED = Symbol("headrace routing");
type RoutedEvent = SendEvent & { [ROUTED]?: EventRecord | undefined };

/**
 * Holds a record open from `send` until the message is on its way to a node. Node-RED drops a message for a
 * target that is disabled or gone without a word, and a module with a hook may hold it back or drop it.
 */
export class RoutingHolds {
  readonly #records: OpenRecords;
  readonly #onNoTarget: (record: EventRecord) => void;

  constructor(records: OpenRecords, onNoTarget: (record: EventRecord) => void) {
    this.#records = records;
    this.#onNoTarget = onNoTarget;
  }

  /** `send` begins. */
  begins(event: SendEvent, record: EventRecord): void {
    (event as RoutedEvent)[ROUTED] = record;
    this.#records.hold(record);
  }

  /** Whether `send` has begun for this one. */
  has(event: SendEvent): boolean {
    return (event as RoutedEvent)[ROUTED] !== undefined;
  }

  /** The record of an event that is delivered now, held until `release`. */
  delivered(event: SendEvent): EventRecord | undefined {
    const routed = event as RoutedEvent;
    const record = routed[ROUTED];
    if (record) routed[ROUTED] = undefined;
    return record;
  }

  release(record: EventRecord): void {
    this.#records.release(record);
  }

  /** `send` has returned: what has not been delivered by now was dropped, or another module's hook has it. */
  returned(events: readonly SendEvent[]): void {
    for (const event of events) {
      const routed = event as RoutedEvent;
      const record = routed[ROUTED];
      if (!record || targetOf(event)) continue;
      routed[ROUTED] = undefined;
      this.#onNoTarget(record);
      this.#records.release(record);
    }
  }
}
