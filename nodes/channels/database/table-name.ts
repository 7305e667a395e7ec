import { createHash } from "node:crypto";

/** Small letters, digits and underscores are the same name in every database, quoted or not. */
const PLAIN = /^[a-z0-9_]{1,40}$/;

/** The table of a channel's events. Other names than plain ones get a checksum, so that no two share a table. */
export function eventTable(channel: string): string {
  if (PLAIN.test(channel)) return `headrace_events_${channel}`;
  const readable = channel
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, "_")
    .slice(0, 30);
  return `headrace_events_${readable}_${createHash("sha256").update(channel).digest("hex").slice(0, 8)}`;
}
