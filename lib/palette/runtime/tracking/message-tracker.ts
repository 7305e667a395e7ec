import { HeadraceError, reasonOf } from "../../../engine/errors.js";
import type { NodeMessage, NodeRed, RedNode, SendEvent } from "../node-red.js";
import { DeliveryBook, type MessageDelivery } from "./delivery-book.js";
import { DeployBuffer } from "./deploy-buffer.js";
import type { EventOwner, EventRecord, Failure } from "./event-record.js";
import { FunctionTimers } from "./function-timers.js";
import { guards } from "./guards.js";
import { JoinGroups } from "./join-groups.js";
import { LateSends } from "./late-sends.js";
import { MessageHooks, type ReceiveEvent } from "./message-hooks.js";
import { NodeContact } from "./node-contact.js";
import { nodeNow, outstandingTimers, shadow } from "./node-internals.js";
import { catches, endingOf, isFlumeNode, joins } from "./node-rules.js";
import { OpenRecords } from "./open-records.js";
import { RoutingHolds } from "./routing-holds.js";
import { SwitchTurns } from "./switch-turns.js";
import { stamp, tokenOn } from "./token.js";

/** How long a node that never completes may take until its first message, in milliseconds. */
const SENDS_WITHIN = 1000;

export interface TrackerEvents {
  /** A node sent for an event that had been settled; told once for each node object. */
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
  readonly #late: LateSends;
  readonly #routing = new RoutingHolds(this.#records, (record) => {
    // Disabled on purpose, unless a deploy has taken the target away.
    if (!this.#deploy.incomplete || !guards.deploys) return;
    this.#fail(record, redeployed());
    if (this.#deploy.deploying) this.#deploy.addLost(record);
  });
  #contacts = new Map<RedNode, NodeContact>();
  #flows = new Map<object, () => void>();
  /** The node whose handler runs now, and with what; undefined for a message that is not tracked. */
  #currentNode: RedNode | undefined;
  #currentDelivery: MessageDelivery | undefined;
  /** The failure that is told to Catch nodes now. */
  #telling: Failure | undefined;

  constructor(red: NodeRed, events: TrackerEvents) {
    this.#red = red;
    this.#late = new LateSends((node) => events.sentLate(node));
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
    for (const contact of this.#contacts.values()) contact.leave();
    for (const restore of this.#flows.values()) restore();
    this.#contacts.clear();
    this.#flows.clear();
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
    this.#routing.sent(event, record);
    const events = [event];
    source.node._flow.send(events);
    this.#routing.look(events);
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
      if (nodeNow(this.#red, delivery.contact.node)) this.#complete(delivery);
    }
    const failed = new Set(lost);
    for (const { record, contact } of this.#deliveries.all()) {
      if (!nodeNow(this.#red, contact.node)) failed.add(record);
    }
    // At once: the rest may wait for ever, in a Join for example, for what was thrown away.
    this.#records.failNow(this.#records.eventsOf(failed), { error: redeployed() });
    this.#deliveries.sweepAborted();
    for (const [node, contact] of this.#contacts) {
      if (nodeNow(this.#red, node)) contact.switchTurns?.rewired();
      else this.#contacts.delete(node);
    }
    const flows = new Set<object>([...this.#contacts.keys()].map((node) => node._flow));
    for (const [flow, restore] of this.#flows) {
      if (flows.has(flow)) continue;
      // A flow may go on though all its nodes are new.
      restore();
      this.#flows.delete(flow);
    }
  }

  // Node-RED's message path, in the order in which a message takes it.

  /** `Flow.send`: before any hook, so that no other module's hook can hold messages back unseen. */
  #sending(events: readonly SendEvent[]): boolean {
    let tracked = false;
    for (const event of events) {
      const { node } = event.source;
      const contact = this.#contacts.get(node);
      // A Flume node that has had messages hands over events of its own: those are held already.
      if (!contact || this.#routing.has(event)) continue;
      const found = this.#recordOf(event.msg, contact);
      if (!found) continue;
      const record = contact.joinGroups && guards.joinGroups ? contact.joinGroups.sent(found, event.msg) : found;
      if (tokenOn(event.msg) !== record.number) stamp(event.msg, record);
      this.#routing.sent(event, record);
      tracked = true;
      if (contact.ending === "send") this.#endAllOf(contact, found);
    }
    return tracked;
  }

  #delivering(event: SendEvent): void {
    const node = event.destination.node;
    const record = this.#routing.delivered(event);
    if (!record) {
      const stray = this.#strayRecordOf(event);
      if (node && stray) this.#deliveries.open(this.#contactWith(node), event.msg, stray);
      return;
    }
    if (node && !record.over) this.#deliveries.open(this.#contactWith(node), event.msg, record);
    this.#routing.release(record);
  }

  /** Of a message from a node that has never had one: its other half has, and they are in touch without a wire. */
  #strayRecordOf({ msg, source: { node } }: SendEvent): EventRecord | undefined {
    if (tokenOn(msg) === undefined && this.#records.numberIn(msg["_msgid"]) === undefined) return undefined;
    if (this.#contacts.has(node)) return undefined;
    const record = this.#openRecordOn(msg);
    if (!record) this.#countLate(msg, node);
    return record;
  }

  #receiving({ msg, destination: { node } }: ReceiveEvent, next: () => void): void {
    const contact = this.#contacts.get(node);
    let delivery = contact && this.#deliveries.find(contact, msg);
    if (!delivery) {
      // Catch, Complete, and the link in of a link call get messages without any routing.
      const record = this.#openRecordOn(msg);
      if (record) delivery = this.#directDelivery(node, msg, record);
      else if (!contact) return next();
    }
    const at = delivery?.contact ?? contact;
    if (at?.switchTurns) at.switchTurns.take(delivery, () => this.#run(node, delivery, next));
    else this.#run(node, delivery, next);
  }

  #run(node: RedNode, delivery: MessageDelivery | undefined, next: () => void): void {
    const outerNode = this.#currentNode;
    const outerDelivery = this.#currentDelivery;
    this.#currentNode = node;
    this.#currentDelivery = delivery;
    if (delivery) delivery.contact.timers?.begins(delivery);
    try {
      next();
    } finally {
      this.#currentNode = outerNode;
      this.#currentDelivery = outerDelivery;
    }
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
    const failure = error ? this.#fail(delivery.record, nodeFailed(contact.node, error)) : undefined;
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

  /** `Node.error`: the only sign of a handler that throws, a refused request, a link call that took too long. */
  #errorOf(contact: NodeContact, error: unknown, message: unknown): Failure | undefined {
    const affected = this.#affectedBy(contact, message);
    let failure: Failure | undefined;
    for (const { record, delivery } of affected) {
      failure ??= { error: nodeFailed(contact.node, error) };
      this.#records.fail(record, failure);
      if (!delivery) continue;
      // It may still call done(), or not.
      setImmediate(() => setImmediate(() => this.#deliveries.end(delivery)));
    }
    // Without a message a hook has thrown: before the handler, which then has not had it, or after it.
    if (isMessage(message)) contact.switchTurns?.handled();
    return failure;
  }

  #affectedBy(
    contact: NodeContact,
    message: unknown,
  ): readonly { record: EventRecord; delivery?: MessageDelivery | undefined }[] {
    // Without a message it is a line in the log.
    if (!isMessage(message)) return [];
    const exact = this.#deliveries.find(contact, message);
    if (exact) return [{ record: exact.record, delivery: exact }];
    const record = this.#openRecordOn(message);
    if (record) {
      const delivery = contact.open.find((one) => one.record === record);
      // A Function has more to say: its `done` comes by itself.
      return [{ record, delivery: contact.timers ? undefined : delivery }];
    }
    // The code of a timer has thrown: the Function node has no message to tell.
    return [...(contact.timers?.running ?? [])].map((delivery) => ({ record: delivery.record }));
  }

  // Which event a message belongs to.

  #recordOf(message: NodeMessage, contact: NodeContact): EventRecord | undefined {
    const known = this.#openRecordOn(message, contact);
    if (known) return known;
    if (this.#currentNode === contact.node) {
      const current = this.#currentDelivery?.record;
      if (current && !current.over) return current;
      if (!current) return this.#countLate(message, contact.node);
    }
    const working = new Set<EventRecord>();
    for (const { record } of contact.open) if (!record.over) working.add(record);
    const [first] = working;
    if (!first) return this.#countLate(message, contact.node);
    if (working.size === 1 || !guards.childRecords) return first;
    const child = this.#records.openChild([...working]);
    this.#records.nameChild(child, message._msgid);
    return child;
  }

  /** By its token, else by its id. */
  #openRecordOn(message: NodeMessage, at?: NodeContact): EventRecord | undefined {
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

  #countLate(message: NodeMessage, node: RedNode): undefined {
    const number = tokenOn(message) ?? this.#records.numberIn(message["_msgid"]);
    if (number !== undefined && this.#records.wasSettled(number)) this.#late.count(node);
    return undefined;
  }

  #directDelivery(node: RedNode, message: NodeMessage, record: EventRecord): MessageDelivery {
    const contact = this.#contactWith(node);
    const failure = catches(node) ? (this.#telling ?? record.failures.at(-1)) : undefined;
    if (!failure) return this.#deliveries.open(contact, message, record);
    const rescue = this.#records.openChild([record], failure);
    this.#records.nameChild(rescue, message._msgid);
    stamp(message, rescue);
    return this.#deliveries.open(contact, message, rescue);
  }

  // Nodes.

  #contactWith(node: RedNode): NodeContact {
    let contact = this.#contacts.get(node);
    if (!contact) {
      contact = this.#makeContact(node);
      this.#contacts.set(node, contact);
    }
    return contact;
  }

  #makeContact(node: RedNode): NodeContact {
    const contact = new NodeContact(node, endingOf(this.#red, node));
    if (contact.ending !== "done") this.#hooks.installReceived();
    if (joins(node)) contact.joinGroups = new JoinGroups(this.#records);
    if (outstandingTimers(node)) {
      contact.timers = new FunctionTimers(contact, this.#deliveries, () =>
        this.#currentNode === node ? this.#currentDelivery : undefined,
      );
    }
    if (contact.ending === "switch" && guards.switchTurns) {
      contact.switchTurns = new SwitchTurns(node, {
        ended: (delivery) => this.#ended(delivery),
        warned: ({ record }, text) => this.#fail(record, nodeFailed(node, text)),
      });
    }
    contact.onLeave(
      shadow.replace<[NodeMessage, unknown]>(node, "_complete", (original) => {
        const completed = (message: NodeMessage, error: unknown) => this.#completed(contact, message, error);
        const tell = (failure: Failure, error: unknown, go: () => unknown) => this.#tell(failure, contact, error, go);
        return function (message, error): void {
          const failure = completed(message, error);
          if (failure) tell(failure, error, () => original.call(this, message, error));
          else original.call(this, message, error);
        };
      }),
    );
    contact.onLeave(
      shadow.method(node, "error", (original, [error, message]) => {
        // `_complete` has told it already.
        if (contact.telling !== undefined && contact.telling === error) return original();
        const failure = this.#errorOf(contact, error, message);
        return failure ? this.#tell(failure, contact, error, original) : original();
      }),
    );
    this.#watchFlowOf(node);
    return contact;
  }

  #tell(failure: Failure, contact: NodeContact, error: unknown, go: () => unknown): void {
    const outer = this.#telling;
    this.#telling = failure;
    contact.telling = error;
    try {
      go();
    } finally {
      this.#telling = outer;
      contact.telling = undefined;
    }
  }

  #watchFlowOf(node: RedNode): void {
    const { _flow: flow } = node;
    if (this.#flows.has(flow)) return;
    this.#flows.set(
      flow,
      shadow.replace<[readonly SendEvent[]]>(flow, "send", (original) => {
        const sending = (events: readonly SendEvent[]) => this.#sending(events);
        const sent = (events: readonly SendEvent[]) => this.#routing.look(events);
        return function (events): void {
          const tracked = sending(events);
          original.call(this, events);
          if (tracked) sent(events);
        };
      }),
    );
  }

  #endAllOf(contact: NodeContact, record: EventRecord): void {
    for (const delivery of [...contact.open]) {
      if (delivery.record === record) this.#ended(delivery);
    }
  }

  #fail(record: EventRecord, error: HeadraceError): Failure {
    const failure = { error };
    this.#records.fail(record, failure);
    return failure;
  }
}

function isMessage(given: unknown): given is NodeMessage {
  return typeof given === "object" && given !== null;
}

function nodeFailed(node: RedNode, error: unknown): HeadraceError {
  const name = node.name ? `${node.type} "${node.name}"` : node.type;
  return new HeadraceError("FLUME_PATH_FAILED", { node: name, reason: reasonOf(error) }, error);
}

function redeployed(): HeadraceError {
  return new HeadraceError("FLUME_STOPPED");
}
