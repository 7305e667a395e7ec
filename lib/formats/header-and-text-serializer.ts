import type { Headers } from "../engine/event.js";
import { ChunkWriter } from "./chunk-writer.js";
import type { EventSerializer, TextOptions } from "./event-serializer.js";

const LINE_FEED = 0x0a;

/**
 * Flume's HEADER_AND_TEXT: headers as Java writes a map, a space, the body, a line feed. Headers stand in the
 * order in which they were set; Flume's order is that of a Java hash map.
 */
export function headerAndTextSerializer({ appendNewline }: TextOptions): EventSerializer {
  return {
    serialize(batch) {
      const out = new ChunkWriter(3 * batch.bytes + 16 * batch.length);
      for (let i = 0; i < batch.length; i++) {
        const { headers, body } = batch.at(i);
        out.text(`${javaMapText(headers)} `);
        out.bytes(body);
        if (appendNewline) out.byte(LINE_FEED);
      }
      return out.finish();
    },
  };
}

/** `{name=value, name=value}`: what `Map.toString()` gives in Java. */
export function javaMapText(headers: Headers): string {
  let inside = "";
  for (const name in headers) inside += `${inside === "" ? "" : ", "}${name}=${headers[name]}`;
  return `{${inside}}`;
}
