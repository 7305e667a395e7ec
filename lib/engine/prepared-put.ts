import type { Prepared } from "./contracts.js";

/** How a put ends that has its place and its room in a channel. */
export interface PutEnds {
  /** Resolves when the events are as safe as the channel promises; rejects when they are not in it. */
  store(): Promise<void>;
  /** Its place stays empty. */
  giveUp(): void;
  /** Its room is free again. */
  release(): void;
  /** Counts it. */
  stored(): void;
}

/** A put of so many events that ends once, one way or the other. */
export function preparedPut(events: number, ends: PutEnds): Prepared {
  let ended = false;
  return {
    commit: async () => {
      if (ended) throw new Error("This put has already been ended.");
      ended = true;
      try {
        if (events > 0) await ends.store();
        else ends.giveUp();
      } catch (error) {
        ends.release();
        throw error;
      }
      ends.stored();
    },
    abort: () => {
      if (ended) return;
      ended = true;
      ends.giveUp();
      ends.release();
    },
  };
}
