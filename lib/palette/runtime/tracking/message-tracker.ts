import { HeadraceError } from "../../../engine/errors.js";
import type { NodeMessage, NodeRed, RedNode, SendEvent } from "../node-red.js";
import { DeliveryBook, type MessageDelivery } from "./delivery-book.js";
import { DeployBuffer } from "./deploy-buffer.js";
import type { EventOwner, EventRecord, Failure } from "./event-record.js";
import { FunctionTimers } from "./function-timers.js";
import { guards } from "./guards.js";
import { HandlerNow } from "./handler-now.js";
import { JoinGroups } from "./join-groups.js";
import { LateSends } from "./late-sends.js";
import { MessageHooks, type ReceiveEvent } from "./message-hooks.js";
import { MessageOwners } from "./message-owners.js";
import type { NodeContact } from "./node-contact.js";
import { NodeContacts } from "./node-contacts.js";
import { isMessage, NodeFailures } from "./node-failures.js";
import { isInFlow, outstandingTimers } from "./node-internals.js";
import { catches, isFlumeNode, joins } from "./node-rules.js";
import { OpenRecords } from "./open-records.js";
import { RoutingHolds } from "./routing-holds.js";
import { SwitchTurns } from "./switch-turns.js";
import { stamp, tokenOn } from "./token.js";

/** How long a node that never completes may take until its first message, in milliseconds. */
const SENDS_WITHIN = 1000;

export interface TrackerEvents {
  /** A node sent for an event that had come to a good end; told once for each node object. */
  sentLate(node: RedNode): void;
}

/**
 * Knows when every message derived from an event has been settled. `docs/tracking-internals.md` tells how, rule by
 * rule; each rule that is more than a few lines is a file beside this one.
 */
export class MessageTracker {
  readonly #red: NodeRed;
  readonly #hooks: MessageHooks;
  readonly #records = new OpenRecords();
  readonly #deliveries = new DeliveryBook(this.#records);
  readonly #deploy = new DeployBuffer();
  readonly #now = new HandlerNow();
  readonly #late: LateSends;
  readonly #owners: MessageOwners;
  readonly #failures: NodeFailures;
  readonly #contacts: NodeContacts;
  readonly #routing = new RoutingHolds(this.#records, (record) => this.#droppedOnWay(record));

  constructor(red: NodeRed, events: TrackerEvents) {
    this.#red = red;
    this.#late = new LateSends((node) => events.sentLate(node));
    this.#owners = new MessageOwners(this.#records, this.#now, this.#late);
    this.#failures = new NodeFailures(this.#records, this.#deliveries, this.#owners);
    this.#contacts = new NodeContacts(red, {
      met: (contact) => this.#addRules(contact),
      completed: (contact, message, error) => this.#completed(contact, message, error),
      errored: (contact, error, message) => this.#errored(contact, error, message),
      tell: (failure, contact, error, go) => this.#failures.tell(failure, contact, error, go),
      sending: (sent) => this.#sending(sent),
      sent: (sent) => this.#routing.returned(sent),
    });
    this.#hooks = new MessageHooks(red, {
      delivering: (event) => this.#delivering(event),
      receiving: (event, next) => this.#receiving(event, next),
      received: (event) => this.#received(event),
    });
  }

  get installed(): boolean {
    return this.#hooks.installed;
  }

  /** Records and deliveries that are kept; 0 when nothing is under way. */
  get size(): number {
    return this.#records.size + this.#deliveries.size;
  }

  /** Events under way. */
  get events(): number {
    return this.#records.events;
  }

  lateSends(node: RedNode): number {
    return this.#late.of(node);
  }

  install(): void {
    this.#hooks.install();
  }

  /** Nothing may be under way. Takes the hooks away, and every shadow. */
  remove(): void {
    this.#hooks.remove();
    this.#contacts.leaveAll();
  }

  /** A new event; `send` must put `message` into the message path in this call, by `handOver`. */
  openEvent(owner: EventOwner, index: number): EventRecord {
    return this.#records.openEvent(owner, index);
  }

  /** The `_msgid` of its first message. */
  idOf(record: EventRecord): string {
    return this.#records.idOf(record);
  }

  /** Sends the first message of an event, to one node. */
  handOver(record: EventRecord, event: SendEvent): void {
    const { msg, source } = event;
    stamp(msg, record);
    // Held before the first hook: another module's may drop it, or keep it for a while.
    this.#routing.begins(event, record);
    const events = [event];
    source.node._flow.send(events);
    this.#routing.returned(events);
    this.#records.release(record);
  }

  /** Nodes that have not completed what they got of these events. */
  holdersOf(events: readonly EventRecord[]): readonly NodeContact[] {
    const wanted = new Set(events);
    const belongs = (record: EventRecord): boolean => wanted.has(record) || record.parents.some(belongs);
    return [...new Set(this.#deliveries.all().flatMap(({ record, contact }) => (belongs(record) ? [contact] : [])))];
  }

  /** Gives up events that are not settled; nobody is told. */
  abort(events: readonly EventRecord[]): void {
    this.#records.abort(events);
    this.#deliveries.sweepAborted();
  }

  deployBegins(): void {
    if (guards.deploys) this.#deploy.begin();
  }

  /**
   * The flows run again: what nodes had that were replaced has failed, everything else goes on. `complete` is false
   * when Node-RED could not start all that it has stopped.
   */
  deployEnds(complete: boolean): void {
    const { completed, lost } = this.#deploy.end(complete);
    if (!guards.deploys) return;
    for (const delivery of completed) {
      if (isInFlow(this.#red, delivery.contact.node)) this.#complete(delivery);
    }
    const failed = new Set(lost);
    for (const { record, contact } of this.#deliveries.all()) {
      if (!isInFlow(this.#red, contact.node)) failed.add(record);
    }
    // At once: the rest may wait for ever, in a Join for example, for what was thrown away.
    this.#records.failNow(this.#records.eventsOf(failed), { error: redeployed() });
    this.#deliveries.sweepAborted();
    this.#contacts.forgetReplaced();
  }

  // Node-RED's message path, in the order in which a message takes it.

  /** `Flow.send`: before any hook, so that no other module's hook can hold messages back unseen. */
  #sending(events: readonly SendEvent[]): boolean {
    let tracked = false;
    for (const event of events) {
      const { node } = event.source;
      const contact = this.#contacts.get(node);
      // What a node without a contact sends the hook sees, but not during a deploy if its target is missing.
      if (!contact && !this.#deploy.incomplete) continue;
      // A Flume node that has had messages hands over events of its own: those are held already.
      if (this.#routing.has(event)) continue;
      const found = contact ? this.#owners.ofSent(event.msg, contact) : this.#owners.of(event.msg);
      if (!found) continue;
      const record = contact?.joinGroups && guards.joinGroups ? contact.joinGroups.sent(found, event.msg) : found;
      if (tokenOn(event.msg) !== record.number) stamp(event.msg, record);
      this.#routing.begins(event, record);
      tracked = true;
      if (contact?.ending === "send") this.#endAllOf(contact, found);
    }
    return tracked;
  }

  #delivering(event: SendEvent): void {
    const { node } = event.destination;
    const record = this.#routing.delivered(event);
    if (record) {
      if (node && !record.over) this.#deliveries.open(this.#contacts.with(node), event.msg, record);
      this.#routing.release(record);
    } else if (node && !this.#contacts.get(event.source.node)) {
      const stray = this.#owners.ofStray(event.msg, event.source.node);
      if (!stray) return;
      this.#contacts.watchFlowOf(event.source.node);
      this.#deliveries.open(this.#contacts.with(node), event.msg, stray);
    }
  }

  #receiving(event: ReceiveEvent, next: () => void): void {
    const { msg } = event;
    const { node } = event.destination;
    const contact = this.#contacts.get(node);
    let delivery = contact && this.#deliveries.find(contact, msg);
    if (!delivery) {
      // Catch, Complete, and the link in of a link call get messages without any routing.
      const record = this.#owners.of(msg);
      if (record) delivery = this.#directDelivery(node, msg, record);
      else if (!contact) return next();
    }
    const at = delivery?.contact ?? contact;
    if (at?.switchTurns) at.switchTurns.take(delivery, () => this.#run(event, delivery, next));
    else this.#run(event, delivery, next);
  }

  #run({ msg, destination: { node } }: ReceiveEvent, delivery: MessageDelivery | undefined, next: () => void): void {
    if (delivery) {
      delivery.begun = true;
      delivery.contact.timers?.begins(delivery);
    }
    this.#now.run(node, msg, delivery, next);
  }

  #received({ msg, destination: { node } }: ReceiveEvent): void {
    const contact = this.#contacts.get(node);
    if (!contact || contact.ending === "done") return;
    contact.switchTurns?.received();
    const delivery = this.#deliveries.find(contact, msg);
    if (!delivery) return;
    if (contact.ending === "return" || (contact.ending === "switch" && !guards.switchTurns)) {
      this.#ended(delivery);
    } else if (contact.ending === "send") {
      setTimeout(() => this.#ended(delivery), SENDS_WITHIN).unref();
    }
  }

  /** `Node._complete`, which is what `done` calls. */
  #completed(contact: NodeContact, message: NodeMessage, error: unknown): Failure | undefined {
    const delivery = this.#deliveries.find(contact, message);
    if (!delivery || delivery.completed) return undefined;
    contact.completes = true;
    // Before it is held back: what a Join sends and completes belongs together in this turn.
    if (guards.joinGroups) contact.joinGroups?.completed(delivery.record);
    const failure = error ? this.#failures.add(contact.node, delivery.record, error) : undefined;
    this.#ended(delivery, failure);
    return failure;
  }

  /** A node has done with a message, or it looks so: one that was closed has no handler any more. */
  #ended(delivery: MessageDelivery, failure?: Failure): void {
    if (this.#deploy.deploying) this.#deploy.add(delivery);
    else this.#complete(delivery, failure);
  }

  #complete(delivery: MessageDelivery, failure?: Failure): void {
    if (!failure && isFlumeNode(delivery.contact.node)) delivery.record.accepted = true;
    if (delivery.timers > 0) delivery.completed = true;
    else this.#deliveries.end(delivery);
  }

  #errored(contact: NodeContact, error: unknown, message: unknown): Failure | undefined {
    const failure = this.#failures.errored(contact, error, message);
    // Without a message a hook has thrown: before the handler, which then has not had it, or after it.
    if (isMessage(message)) contact.switchTurns?.handled();
    return failure;
  }

  #directDelivery(node: RedNode, message: NodeMessage, record: EventRecord): MessageDelivery {
    const contact = this.#contacts.with(node);
    const failure = catches(node) ? this.#failures.toldOf(record) : undefined;
    if (!failure) return this.#deliveries.open(contact, message, record);
    const rescue = this.#records.openChild([record], failure);
    this.#records.nameChild(rescue, message._msgid);
    stamp(message, rescue);
    return this.#deliveries.open(contact, message, rescue);
  }

  /** A target that is disabled on purpose, unless a deploy has taken it away. */
  #droppedOnWay(record: EventRecord): void {
    if (!this.#deploy.incomplete || !guards.deploys) return;
    this.#records.fail(record, { error: redeployed() });
    if (this.#deploy.deploying) this.#deploy.addLost(record);
  }

  #addRules(contact: NodeContact): void {
    const { node, ending } = contact;
    if (ending !== "done") this.#hooks.installReceived();
    if (joins(node)) contact.joinGroups = new JoinGroups(this.#records);
    if (outstandingTimers(node)) {
      contact.timers = new FunctionTimers(contact, this.#deliveries, () => this.#now.deliveryAt(node));
    }
    if (ending === "switch" && guards.switchTurns) {
      contact.switchTurns = new SwitchTurns(node, {
        ended: (delivery) => this.#ended(delivery),
        warned: ({ record }, text) => void this.#failures.add(node, record, text),
      });
    }
  }

  #endAllOf(contact: NodeContact, record: EventRecord): void {
    for (const delivery of [...contact.open]) {
      if (delivery.record === record) this.#ended(delivery);
    }
  }
}

function redeployed(): HeadraceError {
  return new HeadraceError("FLUME_STOPPED");
}
