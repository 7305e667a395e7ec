import type { Damage } from "../../../nodes/channels/file/recovery.js";

/** One line for a person. */
export function damageLine({ file, offset, bytes, events, torn, keptIn }: Damage): string {
  const what = torn ? "ends in the middle of a transaction" : "damaged";
  const lost = events === undefined ? "events not known" : `${events} events`;
  return `${file}: ${what} at ${offset}, ${bytes} bytes, ${lost}${keptIn === undefined ? "" : `; kept in ${keptIn}`}`;
}

/** A torn end that holds no events is a write that nobody was told of. */
export function losesEvents({ events }: Damage): boolean {
  return events !== 0;
}
