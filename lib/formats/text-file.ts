import { contentOf, gathered } from "../engine/content.js";
import { eventContent, type EventWriter } from "./event-content.js";
import type { FileFormat } from "./file-format.js";
import type { HadoopCodec } from "./hadoop-codecs.js";

/** Flume's DataStream of text. */
export function textFile(serializer: EventWriter): FileFormat {
  return { begin: () => ({ piece: async (batch) => eventContent(batch, serializer) }) };
}

/** A file of another format inside a codec (Flume's CompressedStream): each piece is a compressed stream of its own. */
export function compressedFile(inner: FileFormat, codec: HadoopCodec): FileFormat {
  return {
    begin() {
      const body = inner.begin();
      return {
        async piece(batch, first) {
          const plain = await gathered(await body.piece(batch, first));
          return contentOf([await codec.compress(plain)]);
        },
      };
    },
  };
}
