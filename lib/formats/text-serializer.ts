import { ChunkWriter } from "./chunk-writer.js";
import type { EventSerializer, TextOptions } from "./event-serializer.js";

const LINE_FEED = 0x0a;

/** Flume's TEXT: the body, and a line feed. Headers are not written. */
export function textSerializer({ appendNewline }: TextOptions): EventSerializer {
  return {
    serialize(batch) {
      const out = new ChunkWriter(batch.bytes + batch.length);
      for (let i = 0; i < batch.length; i++) {
        out.bytes(batch.at(i).body);
        if (appendNewline) out.byte(LINE_FEED);
      }
      return out.finish();
    },
  };
}
