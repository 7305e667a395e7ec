import type { HeadraceError } from "../../../engine/errors.js";

/** Something that went wrong with a message. Its identity counts: a Catch path takes back the one it was told of. */
export interface Failure {
  readonly error: HeadraceError;
}

/**
 * One event on its way through ordinary nodes, or (with parents) one message that belongs to several events at
 * once. It is open as long as anything holds it: a message in routing, a delivery that has not ended, a child.
 */
export class EventRecord {
  /** What messages carry; see token.ts. */
  readonly token = (): EventRecord => this;
  /** The `_msgid` under which it is found, if it has one of its own. */
  id: string | undefined;
  /** How many things hold it open. */
  holds = 0;
  /** Settled or aborted: nothing changes any more. */
  over = false;
  aborted = false;
  /** A Flume node has taken a message of it. */
  accepted = false;
  /** Messages of a child record carry this record's id, so the id alone does not tell which of them is meant. */
  sharesId = false;
  failures: Failure[] = [];
  /** Wait for this one and share its failure. Empty for an event. */
  parents: EventRecord[];
  /** For a message to a Catch node: the failure that is taken back if a Flume node accepts it. */
  readonly rescues: Failure | undefined;
  /** Told once, for an event. */
  onSettled: ((failure: Failure | undefined) => void) | undefined;

  constructor(parents: EventRecord[], rescues?: Failure) {
    this.parents = parents;
    this.rescues = rescues;
  }
}
