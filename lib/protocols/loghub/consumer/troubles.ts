import { isHeadraceError } from "../../../engine/errors.js";

/**
 * What does not work now, of several things that run side by side: the node is in trouble until the last of them is
 * over. `report` is told of each error, and called with nothing when there is none left. What has one cause is told once:
 * of several things with the same error the one that had it first speaks.
 */
export class Troubles {
  readonly #report: (error?: unknown) => void;
  readonly #current = new Map<string, unknown>();

  constructor(report: (error?: unknown) => void) {
    this.#report = report;
  }

  begins(where: string, error: unknown): void {
    const code = isHeadraceError(error) ? error.code : error;
    const told = [...this.#current].find(([, other]) => (isHeadraceError(other) ? other.code : other) === code)?.[0];
    this.#current.set(where, error);
    if (told === undefined || told === where) this.#report(error);
  }

  ends(where: string): void {
    if (!this.#current.delete(where)) return;
    if (this.#current.size === 0) this.#report();
  }
}
