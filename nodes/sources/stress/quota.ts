/** How many more events may be sent: a total, whatever becomes of them, and a number of accepted ones. Below 0: no limit. */
export class Quota {
  #total: number;
  #successful: number;

  constructor(total: number, successful: number) {
    this.#total = total < 0 ? Number.POSITIVE_INFINITY : total;
    this.#successful = successful < 0 ? Number.POSITIVE_INFINITY : successful;
  }

  /** At most `wanted`; 0 when nothing is left, unless some that are under way fail. */
  claim(wanted: number): number {
    const claimed = Math.min(wanted, this.#total, this.#successful);
    this.#total -= claimed;
    this.#successful -= claimed;
    return claimed;
  }

  /** They were sent and not accepted. */
  failed(events: number): void {
    this.#successful += events;
  }

  /** They were not sent. */
  giveBack(events: number): void {
    this.#total += events;
    this.#successful += events;
  }
}
