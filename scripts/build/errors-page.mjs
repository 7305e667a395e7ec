import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The page of error codes: what each means and what to do.
 * @param {string} root
 */
export function errorsPage(root) {
  /** @type {Record<string, { message: string, next: string }>} */
  const errors = JSON.parse(readFileSync(join(root, "locales", "en-US", "errors.json"), "utf8"));
  const entries = Object.entries(errors).flatMap(([code, { message, next }]) => [
    `## ${code}`,
    "",
    plain(message),
    "",
    `**Next:** ${plain(next)}`,
    "",
  ]);
  return [
    "<!-- Generated from locales/en-US/errors.json. Change that, and build. -->",
    "# Errors",
    "",
    "Every error that Headrace raises has a code. Catch nodes find it in `msg.error.code` and `msg.flume.code`.",
    "Codes are never renamed or used again.",
    "",
    ...entries,
  ].join("\n");
}

/** Parameters as a reader sees them. @param {string} text */
function plain(text) {
  return text.replace(/\{(\w+)\}/g, "*$1*");
}
