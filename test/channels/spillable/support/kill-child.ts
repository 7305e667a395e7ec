/*
 * What the kill test of the spillable channel kills: puts and takes at full speed, in turns that let the memory
 * overflow and the disk drain again. It tells of all it does, before and after, on its standard output:
 *
 *   has …        what the channel held when it was opened, in order, as ranges
 *   put a n      about to put n events from a on       ok a n   answered
 *   take …       about to commit            done …      the commit was answered
 */
import { NEVER } from "../../../../lib/engine/delivery.js";
import { say } from "../../support/kill-life.js";
import { events, numbersOf } from "../../support/work.js";
import { MEMORY, openSpillable } from "./spillable.js";

const PUTTERS = 4;
/** Events at which putters wait until all has been taken. */
const MOST = MEMORY * 4;

const [folder = "", firstText = "0"] = process.argv.slice(2);

async function main(): Promise<void> {
  const channel = await openSpillable(folder, { memoryCapacity: MEMORY, overflowCapacity: 20_000 });
  const look = channel.connect({ id: "look", maxLeases: Number.POSITIVE_INFINITY });
  const found: number[] = [];
  while (found.length < (channel.size ?? 0)) {
    const take = await look.take({ events: 1000, bytes: Number.POSITIVE_INFINITY }, NEVER);
    if (take) found.push(...numbersOf(take.batch));
  }
  await look.close();
  say(`has ${found.join(" ")}`);
  let next = Number(firstText);
  let filling = true;

  const putter = async () => {
    for (let i = 0; ; i++) {
      const count = 1 + ((next + i) % 30);
      const first = next;
      next += count;
      say(`put ${first} ${count}`);
      const prepared = await channel.prepare(events(first, count, 50), NEVER).catch(() => undefined);
      if (prepared) {
        await prepared.commit();
        say(`ok ${first} ${count}`);
      }
      // However fast the machine is now: memory overflows, and the disk runs empty.
      if ((channel.size ?? 0) > MOST) filling = false;
      do {
        await new Promise((resolve) => setTimeout(resolve, 0));
        if (channel.size === 0) filling = true;
      } while (!filling);
    }
  };
  const taker = async () => {
    const consumer = channel.connect({ id: "taker", maxLeases: 1 });
    for (let i = 0; ; i++) {
      const take = await consumer.take({ events: 1 + (i % 60), bytes: Number.POSITIVE_INFINITY }, NEVER);
      if (!take) continue;
      if (filling) await new Promise((resolve) => setTimeout(resolve, 2));
      if (i % 13 === 0) {
        await take.rollback();
        continue;
      }
      const taken = numbersOf(take.batch).join(" ");
      say(`take ${taken}`);
      await take.commit();
      say(`done ${taken}`);
    }
  };
  await Promise.all([...Array.from({ length: PUTTERS }, putter), taker()]);
}

main().catch((error: unknown) => {
  say(`failed ${String(error)}`);
  process.exit(1);
});
