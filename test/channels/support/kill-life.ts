import { writeSync } from "node:fs";
import type { Channel } from "../../../lib/engine/contracts.js";
import { NEVER } from "../../../lib/engine/delivery.js";
import { events, numbersOf } from "./work.js";

/*
 * What the kill tests kill: a channel with puts and takes at full speed. It tells the oracle, on its standard
 * output, of everything it does, before and after; the pipe outlives it.
 *
 *   put a b      about to put the events a … b-1       ok a b    the put was answered
 *   take a b c d about to commit a … b-1 and c … d-1   done …    the commit was answered
 *   has n        what the channel held when it was opened, in order, follows as ranges
 */

const PUTTERS = 4;

export function say(line: string): void {
  // A pipe that is full for a moment says so instead of waiting.
  const text = Buffer.from(`${line}\n`);
  for (let done = 0; done < text.length; ) {
    try {
      done += writeSync(1, text, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

function ranges(numbers: readonly number[]): string {
  const parts: number[] = [];
  for (const number of numbers) {
    if (parts.at(-1) === number) parts[parts.length - 1] = number + 1;
    else parts.push(number, number + 1);
  }
  return parts.join(" ");
}

async function contents(channel: Channel): Promise<number[]> {
  const consumer = channel.connect({ id: "look", maxLeases: Number.POSITIVE_INFINITY });
  const numbers: number[] = [];
  while (numbers.length < (channel.size ?? 0)) {
    const take = await consumer.take({ events: 1000, bytes: Number.POSITIVE_INFINITY }, NEVER);
    numbers.push(...numbersOf((take as NonNullable<typeof take>).batch));
  }
  await consumer.close();
  return numbers;
}

/** Tells what an open channel holds, then puts events from the number `first` on, and takes them, until it is killed. */
export async function liveUntilKilled(channel: Channel, first: number): Promise<never> {
  say(`has ${ranges(await contents(channel))}`);
  let next = first;

  const putter = async () => {
    for (let i = 0; ; i++) {
      const count = 1 + ((next + i) % 30);
      const first = next;
      next += count;
      say(`put ${first} ${first + count}`);
      try {
        const prepared = await channel.prepare(events(first, count, 50 + (first % 400)), NEVER);
        // Those behind it may be on the disk before it: they must not be given before it.
        if (i % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
        await prepared.commit();
      } catch (error) {
        if ((error as { code?: string }).code !== "FLUME_CHANNEL_FULL") throw error;
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      say(`ok ${first} ${first + count}`);
    }
  };

  const taker = async () => {
    const consumer = channel.connect({ id: "taker", maxLeases: 2 });
    for (let i = 0; ; i++) {
      const take = await consumer.take({ events: 1 + (i % 40), bytes: Number.POSITIVE_INFINITY }, NEVER);
      if (!take) continue;
      if (i % 13 === 0) {
        await take.rollback();
        continue;
      }
      const taken = ranges(numbersOf(take.batch));
      say(`take ${taken}`);
      await take.commit();
      say(`done ${taken}`);
    }
  };

  await Promise.all([...Array.from({ length: PUTTERS }, putter), taker()]);
  throw new Error("a life ends by being killed");
}

/** The main program of a child. */
export function runLife(life: () => Promise<never>): void {
  life().catch((error: unknown) => {
    say(`failed ${error instanceof Error ? (error.stack ?? error.message).replaceAll("\n", " | ") : String(error)}`);
    process.exit(1);
  });
}
