import type { NodeMessage } from "../node-red.js";
import { afterTurn } from "./after-turn.js";
import type { EventRecord } from "./event-record.js";
import type { OpenRecords } from "./open-records.js";
import { stamp } from "./token.js";

/**
 * A Join (17-split.js) sends one message that carries the token of one contributor, and completes all of them
 * in the same turn, before or after. What it sends gets a record of its own, whose parents are all of them.
 */
export class JoinGroups {
  readonly #records: OpenRecords;
  /** Of this turn. */
  readonly #contributors = new Set<EventRecord>();
  #sent: EventRecord[] = [];
  #turnOpen = false;

  constructor(records: OpenRecords) {
    this.#records = records;
  }

  /** One of the node's messages was completed. */
  completed(record: EventRecord): void {
    this.#openTurn();
    this.#contributors.add(record);
    for (const child of this.#sent) this.#records.addParent(child, record);
  }

  /** The record of a message that the node sends now. Always a fresh one, so there are no circles. */
  sent(record: EventRecord, message: NodeMessage): EventRecord {
    if (this.#sent.includes(record)) return record;
    this.#openTurn();
    this.#contributors.add(record);
    const child = this.#records.openChild([...this.#contributors].filter((one) => !one.over));
    this.#records.nameChild(child, message._msgid);
    this.#sent.push(child);
    stamp(message, child);
    return child;
  }

  #openTurn(): void {
    if (this.#turnOpen) return;
    this.#turnOpen = true;
    afterTurn(() => {
      this.#turnOpen = false;
      this.#contributors.clear();
      this.#sent = [];
    });
  }
}
