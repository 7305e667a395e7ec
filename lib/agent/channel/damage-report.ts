import type { Damage } from "../../../nodes/channels/file/recovery.js";

/** One line for a person. */
export function damageLine({ file, offset, bytes, events, torn, keptIn }: Damage): string {
  const what = torn ? "ends in the middle of a transaction" : "damaged";
  const lost = events === undefined ? "events not known" : counted(events, "event");
  return `${file}: ${what} at ${offset}, ${counted(bytes, "byte")}, ${lost}${keptIn === undefined ? "" : `; kept in ${keptIn}`}`;
}

/** A torn end that holds no events is a write that nobody was told of. */
export function losesEvents({ events }: Damage): boolean {
  return events !== 0;
}

/** "1 segment", "2 segments". */
export function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}
