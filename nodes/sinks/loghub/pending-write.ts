import type { HeadraceError } from "../../../lib/engine/errors.js";
import type { LogHubError } from "../../../lib/protocols/loghub/loghub-error.js";

/** One write of the sink: what has become of each of its logs. */
export class PendingWrite {
  #left: number;
  #acknowledged = 0;
  readonly failed = new Map<number, HeadraceError>();
  readonly refused = new Map<number, LogHubError>();
  #settle: () => void = () => undefined;
  /** Resolves when it is known of every log. Never rejects. */
  readonly settled: Promise<void>;

  constructor(logs: number) {
    this.#left = logs;
    this.settled = new Promise((resolve) => (this.#settle = resolve));
    if (logs === 0) this.#settle();
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  acknowledge(): void {
    this.#acknowledged++;
    this.#end();
  }

  fail(index: number, error: HeadraceError): void {
    this.failed.set(index, error);
    this.#end();
  }

  /** The service will never take it. */
  refuse(index: number, error: LogHubError): void {
    this.refused.set(index, error);
    this.#end();
  }

  #end(): void {
    if (--this.#left === 0) this.#settle();
  }
}
