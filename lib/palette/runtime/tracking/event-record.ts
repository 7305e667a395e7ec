import type { HeadraceError } from "../../../engine/errors.js";

/** Something that went wrong with a message. Its identity counts: a Catch path takes back the one it was told of. */
export interface Failure {
  readonly error: HeadraceError;
}

/** Whoever has sent an event, and waits for its end. */
export interface EventOwner {
  settled(index: number, failure: Failure | undefined): void;
}

const NONE: readonly Failure[] = [];

/**
 * One event on its way through ordinary nodes, or (with parents) one message that belongs to several events at
 * once. It is open as long as anything holds it: a message in routing, a delivery that has not ended, a child.
 */
export class EventRecord {
  /** What messages carry; see token.ts. */
  readonly number: number;
  /** How many things hold it open. */
  holds = 0;
  /** Settled or aborted: nothing changes any more. */
  over = false;
  /** A Flume node has taken a message of it. */
  accepted = false;
  /** Messages of a child record carry this record's `_msgid` too, so that alone does not tell which of them is meant. */
  sharesId = false;
  /** Of a child: the `_msgid` of another flow's message under which it is found. */
  foreignId: string | undefined;
  failures: readonly Failure[] = NONE;
  /** Wait for this one and share its failure. Empty for an event. */
  parents: readonly EventRecord[];
  /** For a message to a Catch node: the failure that is taken back if a Flume node accepts it. */
  readonly rescues: Failure | undefined;
  /** Of a child: which of the parents its message belongs to is not known. */
  doubtful = false;
  /** Of an event: who is told of its end, once. */
  owner: EventOwner | undefined;
  /** Which of the owner's events it is. */
  readonly index: number;

  constructor(number: number, parents: readonly EventRecord[], rescues?: Failure, owner?: EventOwner, index = 0) {
    this.number = number;
    this.parents = parents;
    this.rescues = rescues;
    this.owner = owner;
    this.index = index;
  }
}
