import { skip } from "../support/skip.js";

/** What every subject of a role does, each named by a sentence that begins with its subject left out. */
export type Behaviours<Bench> = Readonly<Record<string, (bench: Bench) => Promise<void>>>;

/** Behaviours that are not asked of a subject, and why. */
export type NotAsked<B> = Partial<Readonly<Record<keyof B & string, string>>>;

/** Where a behaviour is tried: made anew for each, and ended after it. */
export interface Bench {
  end(): Promise<void>;
}

/** What a subject may want besides its bench. */
export interface Trial {
  readonly notAsked?: Readonly<Record<string, string | undefined>>;
  unavailable?(): Promise<string | undefined>;
}

/** Puts one subject through all behaviours of its role. */
export function itBehaves<T extends Bench>(
  behaviours: Behaviours<T>,
  { notAsked = {}, unavailable }: Trial,
  newBench: () => T | Promise<T>,
): void {
  for (const [sentence, behave] of Object.entries(behaviours)) {
    const reason = notAsked[sentence];
    if (reason !== undefined) {
      it(`is not asked: ${sentence} (${reason})`, () => undefined);
      continue;
    }
    it(sentence, async function () {
      // Where a counterpart has to be started, the first one waits for it.
      if (unavailable) this.timeout(300_000);
      const missing = await unavailable?.();
      if (missing !== undefined) skip(this, missing);
      const bench = await newBench();
      try {
        await behave(bench);
      } finally {
        await bench.end();
      }
    });
  }
}
