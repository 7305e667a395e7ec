import { chromium } from "./chromium.mjs";
import { oldNode } from "./node-binaries.mjs";

/**
 * What the tests and benches are told of this machine: binaries that they start, and why one is not there.
 * @param {string} node
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
export async function testEnvironment(node) {
  /** @type {Record<string, string>} */
  const env = { HEADRACE_NODE: node };
  try {
    env.HEADRACE_NODE_20 = await oldNode();
  } catch (error) {
    env.HEADRACE_NODE_20_MISSING = error instanceof Error ? error.message : String(error);
  }
  if (process.env.HEADRACE_CHROMIUM) return { ...process.env, ...env };
  const browser = await chromium();
  return {
    ...process.env,
    ...env,
    ...("env" in browser ? browser.env : { HEADRACE_CHROMIUM_MISSING: browser.missing }),
  };
}
