import type { NodeMessage, RedNode } from "../node-red.js";
import type { MessageDelivery } from "./delivery-book.js";
import type { EventRecord } from "./event-record.js";
import { guards } from "./guards.js";
import type { HandlerNow } from "./handler-now.js";
import type { LateSends } from "./late-sends.js";
import type { NodeContact } from "./node-contact.js";
import type { OpenRecords } from "./open-records.js";
import { tokenOn } from "./token.js";

/** Finds the record that a message belongs to, and tells of messages that come after the good end of theirs. */
export class MessageOwners {
  readonly #records: OpenRecords;
  readonly #now: HandlerNow;
  readonly #late: LateSends;

  constructor(records: OpenRecords, now: HandlerNow, late: LateSends) {
    this.#records = records;
    this.#now = now;
    this.#late = late;
  }

  /** By its token, else by its id. */
  of(message: NodeMessage): EventRecord | undefined {
    const token = tokenOn(message);
    const own = token === undefined ? undefined : this.#records.byNumber(token);
    return own ?? this.#records.byId(message._msgid);
  }

  /** Of a message that this node sends now. In doubt it belongs to all that the node has begun with. */
  ofSent(message: NodeMessage, contact: NodeContact): EventRecord | undefined {
    const known = this.of(message);
    if (known) return known.sharesId && tokenOn(message) !== known.number ? this.#sharing(message, contact) : known;
    if (this.#now.passesOnUntracked(contact.node, message)) return this.#untracked(message, contact.node);
    const working = begunWith(contact, () => true);
    return working.length === 0 ? this.#untracked(message, contact.node) : this.#oneOf(working, message);
  }

  /** Of a message from a node that has never had one: its other half has, and they are in touch without a wire. */
  ofStray(message: NodeMessage, node: RedNode): EventRecord | undefined {
    if (this.#numberOn(message) === undefined) return undefined;
    return this.of(message) ?? this.#untracked(message, node);
  }

  /** Of a message whose id is that of several records: of an event, and of what a Catch node was sent for it. */
  #sharing(message: NodeMessage, contact: NodeContact): EventRecord | undefined {
    const working = begunWith(contact, (delivery) => delivery.message._msgid === message._msgid);
    if (working.length === 0) return this.#records.byId(message._msgid);
    // What a Function returns it sends in the turn in which it was called.
    const running = [...(contact.timers?.running ?? [])].map(({ record }) => record);
    const now = working.filter((record) => running.includes(record));
    return this.#oneOf(now.length > 0 ? now : working, message);
  }

  #oneOf(records: readonly EventRecord[], message: NodeMessage): EventRecord | undefined {
    if (records.length === 1 || !guards.childRecords) return records[0];
    const child = this.#records.openChild(records);
    child.doubtful = true;
    this.#records.nameChild(child, message._msgid);
    return child;
  }

  #untracked(message: NodeMessage, node: RedNode): undefined {
    const number = this.#numberOn(message);
    if (number !== undefined && this.#records.endedWell(number)) this.#late.count(node);
    return undefined;
  }

  #numberOn(message: NodeMessage): number | undefined {
    return tokenOn(message) ?? this.#records.numberIn(message._msgid);
  }
}

/** Records of what the handler of the node was called with and has not completed. */
function begunWith(contact: NodeContact, wanted: (delivery: MessageDelivery) => boolean): readonly EventRecord[] {
  const records = new Set<EventRecord>();
  for (const delivery of contact.open) {
    if (delivery.begun && !delivery.record.over && wanted(delivery)) records.add(delivery.record);
  }
  return [...records];
}
