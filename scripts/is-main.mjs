import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Whether a script was started by name rather than imported by another.
 * @param {string} url its import.meta.url
 */
export function isMain(url) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}
