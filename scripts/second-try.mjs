import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/**
 * @typedef {{ title: string, file: string }} Failure file is empty for a failure outside all files
 * @typedef {{ failed: Failure[], skipped: number }} Outcome what mocha-reporter.cjs leaves behind
 */

/** More failures than this are no accident. */
const MOST_FAILURES = 3;

/** These draw their inputs at random: what one of them has found once is found, though it may not find it again. */
const DRAWN_AT_RANDOM = /(^|\.)(kills?|model|damage|random-flows|deploy-storm|mutation)\.test\.js$/;

/**
 * The files in which a few tests failed that may have failed by the machine (a browser or a broker that stood still,
 * with both cores taken), to be run once more with the machine to themselves; nothing when the failure stands.
 * @param {string} outcomeFile
 * @returns {{ files: string[], titles: string[] } | undefined}
 */
export function secondTry(outcomeFile) {
  if (!existsSync(outcomeFile)) return undefined;
  const { failed, skipped } = /** @type {Outcome} */ (JSON.parse(readFileSync(outcomeFile, "utf8")));
  if (failed.length === 0 || failed.length > MOST_FAILURES || skipped > 0) return undefined;
  if (failed.some(({ file }) => file === "" || DRAWN_AT_RANDOM.test(basename(file)))) return undefined;
  return { files: [...new Set(failed.map(({ file }) => file))], titles: failed.map(({ title }) => title) };
}
