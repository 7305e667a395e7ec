import type { RedNode } from "../node-red.js";
import type { MessageDelivery } from "./delivery-book.js";
import type { FunctionTimers } from "./function-timers.js";
import type { JoinGroups } from "./join-groups.js";
import type { Ending } from "./node-rules.js";
import type { SwitchTurns } from "./switch-turns.js";

/** A node object that has had a tracked message: what it is working on, and the rules of its type. */
export class NodeContact {
  readonly node: RedNode;
  readonly ending: Ending;
  /** What it has, in no order; only the delivery book changes it. */
  readonly open: MessageDelivery[] = [];
  /** Whether it has ever completed a message: nodes that never do are named when the time is over. */
  completes = false;
  /** The error that `_complete` tells, so that `node.error`, which it calls, does not count it twice. */
  telling: unknown;
  switchTurns: SwitchTurns | undefined;
  joinGroups: JoinGroups | undefined;
  timers: FunctionTimers | undefined;

  readonly #restore: (() => void)[] = [];

  constructor(node: RedNode, ending: Ending) {
    this.node = node;
    this.ending = ending;
  }

  onLeave(restore: () => void): void {
    this.#restore.push(restore);
  }

  /** The node is as it was. */
  leave(): void {
    // The last property that an object got is the one that V8 can take away without making the object slow.
    for (const restore of this.#restore.toReversed()) restore();
    this.switchTurns?.unwatch();
    this.timers?.unwatch();
  }
}
