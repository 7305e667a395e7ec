import type { NodeMessage, RedNode } from "../node-red.js";
import type { EventRecord } from "./event-record.js";
import { guards } from "./guards.js";
import type { HandlerNow } from "./handler-now.js";
import type { LateSends } from "./late-sends.js";
import type { NodeContact } from "./node-contact.js";
import type { OpenRecords } from "./open-records.js";
import { tokenOn } from "./token.js";

/** Finds the record that a message belongs to, and tells of messages that come when theirs has been settled. */
export class MessageOwners {
  readonly #records: OpenRecords;
  readonly #now: HandlerNow;
  readonly #late: LateSends;

  constructor(records: OpenRecords, now: HandlerNow, late: LateSends) {
    this.#records = records;
    this.#now = now;
    this.#late = late;
  }

  /** By its token, else by its id. `at` has had the message that it was made of. */
  of(message: NodeMessage, at?: NodeContact): EventRecord | undefined {
    const token = tokenOn(message);
    const own = token === undefined ? undefined : this.#records.byNumber(token);
    if (own) return own;
    const byId = this.#records.byId(message._msgid);
    if (!byId?.sharesId || !at) return byId;
    for (const delivery of at.open) {
      if (delivery.message._msgid === message._msgid && !delivery.record.over) return delivery.record;
    }
    return byId;
  }

  /** Of a message that this node sends now. In doubt it belongs to all that the node has begun with. */
  ofSent(message: NodeMessage, contact: NodeContact): EventRecord | undefined {
    const known = this.of(message, contact);
    if (known) return known;
    if (this.#now.passesOnUntracked(contact.node, message)) return this.#untracked(message, contact.node);
    const working = new Set<EventRecord>();
    for (const { record, begun } of contact.open) if (begun && !record.over) working.add(record);
    const [first] = working;
    if (!first) return this.#untracked(message, contact.node);
    if (working.size === 1 || !guards.childRecords) return first;
    const child = this.#records.openChild([...working]);
    this.#records.nameChild(child, message._msgid);
    return child;
  }

  /** Of a message from a node that has never had one: its other half has, and they are in touch without a wire. */
  ofStray(message: NodeMessage, node: RedNode): EventRecord | undefined {
    if (this.#numberOn(message) === undefined) return undefined;
    return this.of(message) ?? this.#untracked(message, node);
  }

  #untracked(message: NodeMessage, node: RedNode): undefined {
    const number = this.#numberOn(message);
    if (number !== undefined && this.#records.wasSettled(number)) this.#late.count(node);
    return undefined;
  }

  #numberOn(message: NodeMessage): number | undefined {
    return tokenOn(message) ?? this.#records.numberIn(message._msgid);
  }
}
