import { cleanUpLeftovers } from "./cleanup.js";

/** Loaded by the test runner before all test files. */
export const mochaHooks = {
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(60_000);
    const left = await cleanUpLeftovers();
    if (left.length > 0) throw new Error(`Tests left behind: ${left.join(", ")}`);
  },
};
