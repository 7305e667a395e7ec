import * as fc from "fast-check";
import { type Action, ModelRun } from "./support/model.js";
import { broken } from "./support/broken.js";
import regressions from "./model-regressions.json";
import { randomFrom } from "./support/simulated-disk.js";

const count = (max: number) => fc.integer({ min: 1, max });

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("put" as const), events: count(20), bodyBytes: fc.nat(700) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("putTogether" as const),
      puts: count(5),
      events: count(5),
      aborted: fc.nat(2),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("take" as const), most: count(15) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("commit" as const), which: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rollback" as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.constant({ do: "checkpoint" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "roll" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "reopen" as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("kill" as const, "losePower" as const),
      after: fc.nat(25),
      puts: fc.nat(4),
      bodyBytes: fc.nat(900),
      commit: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("fail" as const),
      call: fc.constantFrom("write" as const, "sync" as const),
      puts: count(3),
    }),
  },
);

async function run(actions: readonly Action[], seed: number): Promise<void> {
  const model = new ModelRun(randomFrom(seed));
  await model.start();
  for (const one of actions) await model.apply(one);
  await model.finish();
}

const property = fc.asyncProperty(fc.array(action, { maxLength: 60, size: "max" }), fc.nat(), run);

const RUNS = Number(process.env["HEADRACE_MODEL_RUNS"] ?? 150);

describe("file channel beside a plain list", function () {
  this.timeout(600_000);

  // Every failure that was ever found, as the actions that led to it.
  for (const { why, actions, seed } of regressions as { why: string; actions: Action[]; seed: number }[]) {
    it(`again: ${why}`, () => run(actions, seed));
  }

  it("behaves the same through puts, takes, rollbacks, rolls, kills, power failures and disk errors", async () => {
    // With something broken on purpose the first failure is enough: nobody reads the shortest.
    await fc.assert(property, { numRuns: RUNS, endOnFailure: broken !== undefined, includeErrorInReport: true });
  });
});
