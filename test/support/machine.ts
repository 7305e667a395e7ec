import { join } from "node:path";

/** The root of the clone; this file is compiled to build/test/support. */
export const root = join(__dirname, "..", "..", "..");

/** Node for Node-RED 5, for the tests themselves and for most child processes. */
export const node24 = process.env["HEADRACE_NODE"] ?? process.execPath;

/** The oldest Node that the package supports; undefined where there is none for this machine. */
export const node20 = process.env["HEADRACE_NODE_20"];

/** Why there is no Node 20. */
export const noNode20 = process.env["HEADRACE_NODE_20_MISSING"] ?? "start the tests with npm test";

export const chromium = {
  path: process.env["HEADRACE_CHROMIUM"],
  /** Bundled fonts, so that pictures are the same on each machine. */
  fonts: process.env["HEADRACE_CHROMIUM_FONTS"],
  /** Bundled system libraries, where the machine has none of its own. */
  libraries: process.env["HEADRACE_CHROMIUM_LIBRARIES"],
  /** Why there is none. */
  missing: process.env["HEADRACE_CHROMIUM_MISSING"] ?? "start the tests with npm test",
};
