import type { EventWriter } from "./event-content.js";
import type { TextOptions } from "./event-serializer.js";

const LINE_FEED = 0x0a;

/** Flume's TEXT: the body, and a line feed. Headers are not written. */
export function textSerializer({ appendNewline }: TextOptions): EventWriter {
  const end = appendNewline ? 1 : 0;
  return {
    sizeOf: ({ body }) => body.length + end,
    write({ body }, out) {
      out.bytes(body);
      if (appendNewline) out.byte(LINE_FEED);
    },
  };
}
