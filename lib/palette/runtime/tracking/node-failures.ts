import { HeadraceError, reasonOf } from "../../../engine/errors.js";
import type { NodeMessage, RedNode } from "../node-red.js";
import type { DeliveryBook, MessageDelivery } from "./delivery-book.js";
import type { EventRecord, Failure } from "./event-record.js";
import type { MessageOwners } from "./message-owners.js";
import type { NodeContact } from "./node-contact.js";
import type { OpenRecords } from "./open-records.js";

/** What nodes say went wrong, whose message it was, and what Catch nodes are told of it. */
export class NodeFailures {
  readonly #records: OpenRecords;
  readonly #deliveries: DeliveryBook;
  readonly #owners: MessageOwners;
  #telling: Failure | undefined;

  constructor(records: OpenRecords, deliveries: DeliveryBook, owners: MessageOwners) {
    this.#records = records;
    this.#deliveries = deliveries;
    this.#owners = owners;
  }

  /** What a message to a Catch node, which comes in this call stack or a little later, is about. */
  toldOf(record: EventRecord): Failure | undefined {
    return this.#telling ?? record.failures.at(-1);
  }

  /** A node has failed with a message of this record. */
  add(node: RedNode, record: EventRecord, error: unknown): Failure {
    const failure = { error: nodeFailed(node, error) };
    this.#records.fail(record, failure);
    return failure;
  }

  /** `Node.error`: the only sign of a handler that throws, a refused request, a link call that took too long. */
  errored(contact: NodeContact, error: unknown, message: unknown): Failure | undefined {
    // Without a message it is a line in the log.
    if (!isMessage(message)) return undefined;
    let failure: Failure | undefined;
    for (const { record, delivery } of this.#affectedBy(contact, message)) {
      failure ??= { error: nodeFailed(contact.node, error) };
      this.#records.fail(record, failure);
      // It may still call done(), or not.
      if (delivery) setImmediate(() => setImmediate(() => this.#deliveries.end(delivery)));
    }
    return failure;
  }

  #affectedBy(
    contact: NodeContact,
    message: NodeMessage,
  ): readonly { record: EventRecord; delivery?: MessageDelivery | undefined }[] {
    const exact = this.#deliveries.find(contact, message);
    if (exact) return [{ record: exact.record, delivery: exact }];
    const record = this.#owners.of(message);
    if (record) {
      const delivery = contact.open.find((one) => one.record === record);
      // A Function has more to say: its `done` comes by itself.
      return [{ record, delivery: contact.timers ? undefined : delivery }];
    }
    // The code of a timer has thrown: the Function node has no message to tell.
    return [...(contact.timers?.running ?? [])].map((delivery) => ({ record: delivery.record }));
  }

  /** While `go` runs, Catch nodes are told of this failure. */
  tell(failure: Failure, contact: NodeContact, error: unknown, go: () => unknown): void {
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
}

export function isMessage(given: unknown): given is NodeMessage {
  return typeof given === "object" && given !== null;
}

function nodeFailed(node: RedNode, error: unknown): HeadraceError {
  const name = node.name ? `${node.type} "${node.name}"` : node.type;
  return new HeadraceError("FLUME_PATH_FAILED", { node: name, reason: reasonOf(error) }, error);
}
