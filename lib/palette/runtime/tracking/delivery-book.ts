import type { NodeMessage } from "../node-red.js";
import type { EventRecord } from "./event-record.js";
import type { NodeContact } from "./node-contact.js";
import { NumberedTable } from "./numbered-table.js";
import type { OpenRecords } from "./open-records.js";

/** A message at a node, from its routing until the node has completed it. Holds its record open. */
export class MessageDelivery {
  readonly number: number;
  readonly record: EventRecord;
  readonly message: NodeMessage;
  readonly contact: NodeContact;
  /** In the list of the contact. */
  place: number;
  /** The same message object at another node, from before. */
  before: MessageDelivery | undefined;
  /** The handler of the node has been called with it. */
  begun = false;
  /** The same object may be at the same node more than once. */
  visits = 1;
  /** `done()` came; what is left are timers of a Function. */
  completed = false;
  /** Timers that a Function has set while it worked on this. */
  timers = 0;

  constructor(
    number: number,
    record: EventRecord,
    message: NodeMessage,
    contact: NodeContact,
    before: MessageDelivery | undefined,
  ) {
    this.number = number;
    this.record = record;
    this.message = message;
    this.contact = contact;
    this.place = contact.open.length;
    this.before = before;
  }
}

/**
 * On a message object: the number of its latest delivery. Copies carry it too, and so it counts only where the
 * delivery is of that very object.
 */
const DELIVERY = Symbol("headrace delivery");
type Delivered = NodeMessage & { [DELIVERY]?: unknown };

/** Opens and ends deliveries, and finds them by message object and node. */
export class DeliveryBook {
  readonly #records: OpenRecords;
  readonly #deliveries = new NumberedTable<MessageDelivery>();
  /** The latest delivery of messages that nothing can be written on. */
  readonly #frozen = new Map<NodeMessage, MessageDelivery>();

  constructor(records: OpenRecords) {
    this.#records = records;
  }

  get size(): number {
    return this.#deliveries.size;
  }

  all(): readonly MessageDelivery[] {
    return this.#deliveries.all();
  }

  find(contact: NodeContact, message: NodeMessage): MessageDelivery | undefined {
    let delivery = this.#latestOf(message);
    while (delivery && delivery.contact !== contact) delivery = delivery.before;
    return delivery;
  }

  open(contact: NodeContact, message: NodeMessage, record: EventRecord): MessageDelivery {
    const known = this.find(contact, message);
    if (known && known.record === record) {
      known.visits++;
      return known;
    }
    if (known) {
      known.visits = 1;
      this.end(known);
    }
    const number = this.#deliveries.nextNumber();
    const delivery = new MessageDelivery(number, record, message, contact, this.#latestOf(message));
    this.#deliveries.add(delivery);
    contact.open.push(delivery);
    this.#setLatest(message, delivery);
    this.#records.hold(record);
    return delivery;
  }

  end(delivery: MessageDelivery): void {
    if (this.#deliveries.get(delivery.number) !== delivery || --delivery.visits > 0) return;
    this.#remove(delivery);
    this.#records.release(delivery.record);
  }

  /** Forgets deliveries of records that were aborted. */
  sweepAborted(): void {
    for (const delivery of this.all()) if (delivery.record.over) this.#remove(delivery);
  }

  #remove(delivery: MessageDelivery): void {
    const { message, before } = delivery;
    let later = this.#latestOf(message);
    if (later === delivery) this.#setLatest(message, before);
    else {
      while (later && later.before !== delivery) later = later.before;
      if (later) later.before = before;
    }
    delivery.before = undefined;
    this.#deliveries.delete(delivery);
    const { open } = delivery.contact;
    const last = open.pop();
    if (!last || last === delivery) return;
    last.place = delivery.place;
    open[last.place] = last;
  }

  #latestOf(message: NodeMessage): MessageDelivery | undefined {
    const frozen = this.#frozen.size > 0 ? this.#frozen.get(message) : undefined;
    if (frozen) return frozen;
    const number = (message as Delivered)[DELIVERY];
    const delivery = typeof number === "number" ? this.#deliveries.get(number) : undefined;
    return delivery?.message === message ? delivery : undefined;
  }

  /** A number that is left behind is nobody's: none is given out twice. */
  #setLatest(message: NodeMessage, delivery: MessageDelivery | undefined): void {
    if (this.#frozen.size > 0) this.#frozen.delete(message);
    if (!delivery) return;
    try {
      (message as Delivered)[DELIVERY] = delivery.number;
    } catch {
      this.#frozen.set(message, delivery);
    }
  }
}
