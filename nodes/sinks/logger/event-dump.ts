import type { FlumeEvent } from "../../../lib/engine/event.js";
import { javaMapText } from "../../../lib/formats/header-and-text-serializer.js";

const BYTES_IN_ROW = 16;

/** `Event: { headers:{a=1, b=2} body: 48 65 6C 6C 6F … Hello }`, byte for byte as Flume's EventHelper writes it. */
export function dumpEvent({ headers, body }: FlumeEvent, maxBytes: number): string {
  return `Event: { headers:${javaMapText(headers)} body:${hexDump(body.subarray(0, maxBytes))} }`;
}

/** Rows of 16 bytes as commons-io's HexDump writes them, without the offset of the first and the last line end. */
function hexDump(bytes: Buffer): string {
  const rows: string[] = [];
  for (let start = 0; start < bytes.length; start += BYTES_IN_ROW) {
    const row = bytes.subarray(start, start + BYTES_IN_ROW);
    const offset = start === 0 ? "" : start.toString(16).toUpperCase().padStart(8, "0");
    const hex = row
      .toString("hex")
      .toUpperCase()
      .replace(/../g, "$& ")
      .padEnd(BYTES_IN_ROW * 3);
    rows.push(`${offset} ${hex}${row.toString("latin1").replace(/[^ -~]/g, ".")}`);
  }
  return rows.join("\n");
}
