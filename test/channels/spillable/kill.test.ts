import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { node24 } from "../../support/machine.js";
import { useTempDir } from "../../support/temp-dir.js";
import { randomFrom } from "../file/support/simulated-disk.js";
import { MEMORY } from "./support/spillable.js";

const KILLS = Number(process.env["HEADRACE_SPILLABLE_KILLS"] ?? 30);

/**
 * The account of one directory through many processes. A kill takes what is in memory, and nothing else: that is at
 * most what fits there, and all of it comes before what is on the disk.
 */
class SpillOracle {
  /** Answered and not taken. */
  #held = new Set<number>();
  #underWay = new Set<number>();
  #committing = new Set<number>();
  #lastTaken = -1;
  next = 0;
  lost = 0;
  found = 0;
  taken = 0;

  account(output: string): void {
    const lines = output.split("\n");
    // The last one may be half a line.
    lines.pop();
    for (const line of lines) {
      const [word = "", ...rest] = line.split(" ");
      this.#line(word, rest.filter((text) => text !== "").map(Number), line);
    }
  }

  #line(word: string, numbers: readonly number[], line: string): void {
    const [first = 0, count = 0] = numbers;
    switch (word) {
      case "has":
        this.#compare(numbers);
        break;
      case "put":
        for (let n = first; n < first + count; n++) this.#underWay.add(n);
        this.next = Math.max(this.next, first + count);
        break;
      case "ok":
        for (let n = first; n < first + count; n++) if (this.#underWay.delete(n)) this.#held.add(n);
        break;
      case "take":
        for (const n of numbers) {
          assert.ok(n > this.#lastTaken, `out of order: ${n} after ${this.#lastTaken}`);
          this.#lastTaken = n;
          assert.ok(this.#held.delete(n) || this.#underWay.delete(n), `given though not there: ${n}`);
          this.#committing.add(n);
        }
        break;
      case "done":
        this.taken += numbers.length;
        for (const n of numbers) this.#committing.delete(n);
        break;
      default:
        assert.fail(line);
    }
  }

  #compare(found: readonly number[]): void {
    for (let i = 1; i < found.length; i++) {
      assert.ok((found[i] ?? 0) > (found[i - 1] ?? 0), `out of order, or twice: ${found[i - 1]}, ${found[i]}`);
    }
    const there = new Set(found);
    const lost = [...this.#held].filter((n) => !there.has(n));
    assert.ok(lost.length <= MEMORY, `${lost.length} are lost: more than memory held`);
    for (const n of lost) assert.ok(n < (found[0] ?? Number.POSITIVE_INFINITY), `lost from the disk: ${n}`);
    for (const n of found) {
      const allowed = this.#held.has(n) || this.#underWay.has(n) || this.#committing.has(n);
      assert.ok(allowed, `committed and given again: ${n}`);
    }
    this.lost += lost.length;
    this.found += found.length;
    this.#held = there;
    this.#underWay = new Set();
    this.#committing = new Set();
    this.#lastTaken = -1;
  }
}

function live(folder: string, first: number, milliseconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(node24, [join(__dirname, "support", "kill-child.js"), folder, String(first)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const output: Buffer[] = [];
    let timer: NodeJS.Timeout | undefined;
    child.stdout.on("data", (data: Buffer) => {
      output.push(data);
      timer ??= setTimeout(() => child.kill("SIGKILL"), milliseconds);
    });
    child.on("error", reject);
    child.on("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(output).toString());
    });
  });
}

describe("spillable memory channel under SIGKILL", function () {
  this.timeout(120_000 + KILLS * 5000);
  const dir = useTempDir();

  it(`${KILLS} times: what is on the disk stays, in order; no more is lost than memory held`, async () => {
    const random = randomFrom(KILLS);
    const oracle = new SpillOracle();
    for (let i = 0; i < KILLS; i++) oracle.account(await live(dir().path, oracle.next, 5 + random() * 120));
    oracle.account(await live(dir().path, oracle.next, 5));
    assert.ok(oracle.found > 0 && oracle.lost > 0 && oracle.taken > 0, JSON.stringify(oracle));
  });
});
