import { spawn } from "node:child_process";
import { join } from "node:path";
import { node24 } from "../../../support/machine.js";
import { KillOracle } from "./kill-oracle.js";

/** Every place that a process is ended at, and from which passing of it on. */
export const POINTS = [
  "put-written",
  "put-synced",
  "take-written",
  "take-synced",
  "segment-zeroed",
  "segment-headed",
  "segment-named",
  "segment-rolled",
  "segment-dropped",
  "checkpoint-written",
  "checkpoint-synced",
  "checkpoint-renamed",
  "recovery-sealed",
  "recovery-done",
] as const;

/** How long a process is let live that does not pass its point. */
const LONGEST_LIFE = 60_000;
/** How long a process may take to open the channel and to get its first answers. */
const LONGEST_WAIT = 60_000;

/** Kills processes that use the channel in `folder`: so many at random moments, then one at each named point. */
export async function killManyTimes(
  folder: string,
  kills: number,
  points: readonly string[],
  random: () => number,
  say: (text: string) => void = () => undefined,
  /** The compiled program that lives in `folder`; of the file channel when absent. */
  child = join(__dirname, "kill-child.js"),
): Promise<KillOracle> {
  const oracle = new KillOracle();
  for (let i = 0; i < kills; i++) {
    const from = i % 4 === 0 ? "opened" : "answered";
    oracle.account(await live(child, folder, oracle.next, 5 + random() * 60, from));
    if ((i + 1) % 100 === 0) say(`${i + 1} kills: ${oracle.puts} puts, ${oracle.takes} takes answered`);
  }
  for (const point of points) {
    // Recovery happens once in a life.
    const passing = point.startsWith("recovery") ? 1 : 1 + Math.floor(random() * 3);
    oracle.account(await live(child, folder, oracle.next, LONGEST_LIFE, "opened", point, passing));
  }
  // One more, which only has to show what is left.
  oracle.account(await live(child, folder, oracle.next, 50));
  return oracle;
}

/**
 * What a process said in its life, which ends `milliseconds` after it has opened the channel, or after it has got
 * answers to a put and to a take: however slow the machine is, most lives are long enough for something to go on.
 */
function live(
  child: string,
  folder: string,
  first: number,
  milliseconds: number,
  from: "opened" | "answered" = "opened",
  point = "",
  passing = 1,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const life = spawn(node24, [child, folder, String(first), point, String(passing)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const output: Buffer[] = [];
    let timer: NodeJS.Timeout | undefined;
    const awaited = new Set(from === "opened" ? [] : ["\nok ", "\ndone "]);
    const longest = setTimeout(() => life.kill("SIGKILL"), LONGEST_WAIT);
    life.stdout.on("data", (data: Buffer) => {
      output.push(data);
      for (const word of awaited) if (data.includes(word)) awaited.delete(word);
      if (awaited.size === 0) timer ??= setTimeout(() => life.kill("SIGKILL"), milliseconds);
    });
    life.on("error", reject);
    life.on("close", () => {
      clearTimeout(timer);
      clearTimeout(longest);
      resolve(Buffer.concat(output).toString());
    });
  });
}
