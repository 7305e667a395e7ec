import type { Headers } from "../engine/event.js";
import type { EventWriter } from "./event-content.js";
import type { TextOptions } from "./event-serializer.js";

const LINE_FEED = 0x0a;

/**
 * Flume's HEADER_AND_TEXT: headers as Java writes a map, a space, the body, a line feed. Headers stand in the
 * order in which they were set; Flume's order is that of a Java hash map.
 */
export function headerAndTextSerializer({ appendNewline }: TextOptions): EventWriter {
  const end = appendNewline ? 1 : 0;
  return {
    sizeOf: ({ headers, body }) => Buffer.byteLength(javaMapText(headers)) + 1 + body.length + end,
    write({ headers, body }, out) {
      out.text(`${javaMapText(headers)} `);
      out.bytes(body);
      if (appendNewline) out.byte(LINE_FEED);
    },
  };
}

/** `{name=value, name=value}`: what `Map.toString()` gives in Java. */
export function javaMapText(headers: Headers): string {
  let inside = "";
  for (const name in headers) inside += `${inside === "" ? "" : ", "}${name}=${headers[name]}`;
  return `{${inside}}`;
}
