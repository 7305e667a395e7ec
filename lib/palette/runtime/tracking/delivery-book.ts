import type { NodeMessage } from "../node-red.js";
import type { EventRecord } from "./event-record.js";
import type { NodeContact } from "./node-contact.js";
import type { OpenRecords } from "./open-records.js";

/** A message at a node, from its routing until the node has completed it. Holds its record open. */
export interface MessageDelivery {
  readonly record: EventRecord;
  readonly message: NodeMessage;
  readonly contact: NodeContact;
  /** The same object may be at the same node more than once. */
  visits: number;
  /** `done()` came; what is left are timers of a Function. */
  completed: boolean;
  /** Timers that a Function has set while it worked on this. */
  timers: number;
}

/** Opens and ends deliveries, and knows the nodes that have any. */
export class DeliveryBook {
  readonly #records: OpenRecords;
  readonly #busy = new Set<NodeContact>();

  constructor(records: OpenRecords) {
    this.#records = records;
  }

  /** Nodes that work on something. */
  get busy(): ReadonlySet<NodeContact> {
    return this.#busy;
  }

  get size(): number {
    let size = 0;
    for (const { open } of this.#busy) size += open.size;
    return size;
  }

  open(contact: NodeContact, message: NodeMessage, record: EventRecord): MessageDelivery {
    const known = contact.open.get(message);
    if (known && known.record === record) {
      known.visits++;
      return known;
    }
    if (known) {
      known.visits = 1;
      this.end(known);
    }
    const delivery: MessageDelivery = { record, message, contact, visits: 1, completed: false, timers: 0 };
    if (contact.open.size === 0) this.#busy.add(contact);
    contact.open.set(message, delivery);
    this.#records.hold(record);
    return delivery;
  }

  end(delivery: MessageDelivery): void {
    const { contact, message } = delivery;
    if (contact.open.get(message) !== delivery) return;
    if (--delivery.visits > 0) return;
    contact.open.delete(message);
    if (contact.open.size === 0) this.#busy.delete(contact);
    this.#records.release(delivery.record);
  }

  /** Forgets deliveries of records that were aborted. */
  sweepAborted(): void {
    for (const contact of [...this.#busy]) {
      for (const [message, { record }] of contact.open) if (record.over) contact.open.delete(message);
      if (contact.open.size === 0) this.#busy.delete(contact);
    }
  }
}
