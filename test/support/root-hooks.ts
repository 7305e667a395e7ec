import { inspect } from "node:util";
import { cleanUpLeftovers } from "./cleanup.js";

/** Mocha lets a rejection that nobody handles pass; Node-RED would be ended by it. */
const unhandled = new Map<unknown, string>();
let running = "before the first test";
process.on("unhandledRejection", (reason) => unhandled.set(reason, `${running}: ${inspect(reason)}`));

/** Loaded by the test runner before all test files. */
export const mochaHooks = {
  beforeEach(this: Mocha.Context): void {
    running = this.currentTest?.fullTitle() ?? running;
  },

  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(60_000);
    const left = await cleanUpLeftovers();
    if (left.length > 0) throw new Error(`Tests left behind: ${left.join(", ")}`);
    if (unhandled.size > 0)
      throw new Error(`Rejections that nobody handled, by test:\n${[...unhandled.values()].join("\n")}`);
  },
};
