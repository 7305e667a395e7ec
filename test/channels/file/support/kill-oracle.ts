import { strict as assert } from "node:assert";

/**
 * Keeps the account of one directory through many processes: what was put and answered, what was taken and
 * answered, and what was under way when the process ended.
 */
export class KillOracle {
  /** Answered puts that were not taken. */
  readonly #held = new Set<number>();
  /** Puts and commits that were not answered: what became of them shows when the channel is opened again. */
  #underWay = new Set<number>();
  #committing = new Set<number>();
  /** The highest number given out, plus one. */
  next = 0;
  killed = 0;
  puts = 0;
  takes = 0;
  /** Commits that were not answered and yet are not repeated, or are: both are right. */
  repeated = 0;
  readonly points = new Set<string>();

  /** What one process said until it ended. */
  account(output: string): void {
    const lines = output.split("\n");
    // The last one may be half a line.
    lines.pop();
    for (const line of lines) this.#line(line);
    this.killed++;
  }

  #line(line: string): void {
    const [word, ...rest] = line.split(" ");
    const numbers = word === "at" || word === "failed" || word === "damage" ? [] : expand(rest.map(Number));
    switch (word) {
      case "has":
        this.#compare(rest[0] === "" ? [] : numbers);
        break;
      case "put":
        for (const number of numbers) this.#underWay.add(number);
        this.next = Math.max(this.next, (numbers.at(-1) ?? -1) + 1);
        break;
      case "ok":
        this.puts++;
        for (const number of numbers) {
          this.#underWay.delete(number);
          // Taken already, while the answer was on its way.
          if (!this.#committing.has(number) && !this.#done.has(number)) this.#held.add(number);
        }
        break;
      case "take":
        for (const number of numbers) {
          assert.ok(number > this.#lastTaken, `out of order: ${number} after ${this.#lastTaken}`);
          this.#lastTaken = number;
          assert.ok(this.#held.delete(number) || this.#underWay.has(number), `given though not there: ${number}`);
          this.#committing.add(number);
        }
        break;
      case "done":
        this.takes++;
        for (const number of numbers) {
          this.#committing.delete(number);
          this.#underWay.delete(number);
          this.#done.add(number);
        }
        break;
      case "at":
        this.points.add(rest[0] ?? "");
        break;
      default:
        assert.fail(line);
    }
  }

  /** By the process that runs: it has one take under way at a time. */
  #lastTaken = -1;

  /** Committed by the process that runs: an answer to their put may still come. */
  #done = new Set<number>();

  #compare(found: readonly number[]): void {
    for (let i = 1; i < found.length; i++) {
      assert.ok((found[i] ?? 0) > (found[i - 1] ?? 0), `out of order, or twice: ${found[i - 1]}, ${found[i]}`);
    }
    const there = new Set(found);
    for (const number of this.#held) assert.ok(there.has(number), `acknowledged and lost: ${number}`);
    for (const number of found) {
      if (this.#committing.has(number)) this.repeated++;
      const allowed = this.#held.has(number) || this.#underWay.has(number) || this.#committing.has(number);
      assert.ok(allowed, `committed and given again: ${number}`);
      this.#held.add(number);
    }
    this.#underWay = new Set();
    this.#committing = new Set();
    this.#done = new Set();
    this.#lastTaken = -1;
  }
}

function expand(bounds: readonly number[]): number[] {
  const numbers: number[] = [];
  for (let i = 0; i + 1 < bounds.length; i += 2) {
    for (let number = bounds[i] ?? 0; number < (bounds[i + 1] ?? 0); number++) numbers.push(number);
  }
  return numbers;
}
