import { HeadraceError } from "../../../lib/engine/errors.js";

/** A line of Flume's JDBC channel that has no field of its own. */
export interface OtherProperty {
  readonly property: string;
  readonly value: string;
}

/** Taken without a word: nothing is lost by it. */
const WITHOUT_EFFECT = [
  // The tables need neither.
  "create.index",
  "create.foreignkey",
  // A channel is the only one that works with its table, over one connection.
  "transaction.isolation",
  "maximum.connections",
];

const DRIVERS = ["org.sqlite.JDBC", "org.postgresql.Driver"];

/** Throws FLUME_DATABASE_PROPERTY for what has no equal, and says what to do instead. */
export function checkOtherProperties(rows: readonly OtherProperty[]): void {
  for (const row of rows) {
    const property = row.property.trim();
    if (property === "" || WITHOUT_EFFECT.includes(property)) continue;
    if (property === "driver.class" && DRIVERS.includes(row.value.trim())) continue;
    throw new HeadraceError("FLUME_DATABASE_PROPERTY", { property, value: row.value, instead: insteadOf(property) });
  }
}

function insteadOf(property: string): string {
  if (property === "driver.class") return `There is no Java here: ${DRIVERS.join(" and ")} are understood, as names.`;
  if (property === "connection.properties.file") return "Write its properties into driver.url, behind a question mark.";
  if (property.startsWith("sysprop.")) return "There is no Java here: properties of the system have no effect.";
  return "";
}
