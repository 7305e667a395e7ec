import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Sink } from "../../../lib/engine/contracts.js";
import { NEVER } from "../../../lib/engine/delivery.js";
import { numbered } from "./sinks.js";

/** Events of a batch. */
export const BATCH = 20;
/** Batches under way at once. */
export const UNDER_WAY = 4;
/** Events that may be there twice after one fault: all that were under way. */
export const WINDOW = UNDER_WAY * BATCH;

export interface LoadOptions {
  /** Digits of each body; 0: as many as the number has. */
  readonly width?: number;
  /** The first event of each batch to write; from 0 on without an end when absent. */
  readonly batches?: Iterator<number>;
  accepted?(first: number): void;
}

export interface Load {
  /** Batches that were accepted. */
  readonly accepted: number;
  /** Rejections, each of which the same batch has outlived. */
  readonly rejected: number;
  readonly failures: readonly unknown[];
  /** Lets the batches under way be accepted. @returns how many events there are */
  stop(): Promise<number>;
}

/** Writes numbered events until stopped, each batch again until it is accepted: what a channel's runner does. */
export function load(sink: Sink, { width = 0, batches = everyBatch(), accepted: tell }: LoadOptions = {}): Load {
  let end = 0;
  let accepted = 0;
  let stopping = false;
  const failures: unknown[] = [];
  const writer = async () => {
    while (!stopping) {
      const { value: first, done } = batches.next();
      if (done) return;
      end = Math.max(end, first + BATCH);
      const batch: EventBatch = numbered(first, BATCH, {}, width);
      for (;;) {
        try {
          await sink.write(batch, NEVER);
          break;
        } catch (error) {
          failures.push(error);
          await sleep(50);
        }
      }
      accepted++;
      tell?.(first);
    }
  };
  const writers = Array.from({ length: UNDER_WAY }, writer);
  return {
    get accepted() {
      return accepted;
    },
    get rejected() {
      return failures.length;
    },
    failures,
    async stop() {
      stopping = true;
      await Promise.all(writers);
      return end;
    },
  };
}

function* everyBatch(): Iterator<number> {
  for (let first = 0; ; first += BATCH) yield first;
}

/** Every number below `count`, or of `wanted`, is there; how many more than once. */
export function duplicatesIn(lines: readonly string[], count: number, wanted?: (number: number) => boolean): number {
  const seen = new Uint8Array(count);
  let duplicates = 0;
  for (const line of lines) {
    assert.match(line, /^\d+$/, "a line that nobody wrote");
    const number = Number(line);
    assert.ok(number < count, line);
    if (seen[number]) duplicates++;
    seen[number] = 1;
  }
  const missing = seen.findIndex((times, number) => times === 0 && (wanted?.(number) ?? true));
  assert.equal(missing, -1, `event ${missing} of ${count} is missing`);
  return duplicates;
}
