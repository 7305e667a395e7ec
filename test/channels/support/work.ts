import { batchOf, type EventBatch } from "../../../lib/engine/batch.js";
import type { Channel, Consumer } from "../../../lib/engine/contracts.js";
import { NEVER } from "../../../lib/engine/delivery.js";
import { isHeadraceError } from "../../../lib/engine/errors.js";
import { createEvent } from "../../../lib/engine/event.js";
import type { TestContext } from "../../support/component-context.js";

/*
 * What tests of channels do with them. An event's body is a number, so that a list of numbers tells what was lost,
 * repeated or out of order.
 */

/** `from` (inclusive) to `to` (exclusive). */
export const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

export function events(first: number, length: number, bodyBytes = 0): EventBatch {
  return batchOf(Array.from({ length }, (_, i) => createEvent(Buffer.from(String(first + i).padEnd(bodyBytes, ".")))));
}

export function numbersOf(batch: EventBatch): number[] {
  return [...batch].map((event) => Number.parseInt(event.body.toString(), 10));
}

export async function put(channel: Channel, batch: EventBatch): Promise<void> {
  const prepared = await channel.prepare(batch, NEVER);
  await prepared.commit();
}

/** Takes and commits until the channel holds nothing, or nothing comes for `patience` milliseconds. */
export async function drain(channel: Channel, most = 1000, patience = 15_000): Promise<number[]> {
  const consumer = channel.connect({ id: "drain", maxLeases: 1 });
  const numbers: number[] = [];
  while ((channel.size ?? 0) > 0) {
    const take = await takeSome(consumer, most, patience);
    if (!take) break;
    numbers.push(...numbersOf(take.batch));
    await take.commit();
  }
  await consumer.close();
  return numbers;
}

/** Undefined when nothing comes for `patience` milliseconds. */
export function takeSome(consumer: Consumer, most = 1000, patience = 15_000) {
  return consumer.take({ events: most, bytes: Number.POSITIVE_INFINITY }, AbortSignal.timeout(patience));
}

const codeOf = (error: unknown) => (isHeadraceError(error) ? error.code : String(error));

/** "accepted", or the code of the error. */
export const refusal = (work: Promise<unknown>) => work.then(() => "accepted", codeOf);

/** Codes of what a channel has told in its status; "over" where the trouble was. */
export const reported = ({ reports }: TestContext) =>
  reports.map((error) => (error === undefined ? "over" : codeOf(error)));
