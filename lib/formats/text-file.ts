import type { EventBatch } from "../engine/batch.js";
import { nextLoopTurn, turnIsOver } from "../engine/turn.js";
import type { EventSerializer } from "./event-serializer.js";
import type { FileFormat } from "./file-format.js";
import type { HadoopCodec } from "./hadoop-codecs.js";

/** Flume's DataStream of text. */
export function textFile(serializer: EventSerializer): FileFormat {
  return { begin: () => ({ piece: (batch) => serialized(serializer, batch) }) };
}

/** Events serialised without a look at the time. */
const AT_ONCE = 2000;

/** A piece may hold a hundred thousand events. */
async function serialized(serializer: EventSerializer, batch: EventBatch): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for (let start = 0; start < batch.length; start += AT_ONCE) {
    if (turnIsOver()) await nextLoopTurn();
    chunks.push(...serializer.serialize(batch.slice(start, Math.min(start + AT_ONCE, batch.length))));
  }
  return chunks;
}

/** A file of another format inside a codec (Flume's CompressedStream): each piece is a compressed stream of its own. */
export function compressedFile(inner: FileFormat, codec: HadoopCodec): FileFormat {
  return {
    begin() {
      const body = inner.begin();
      return {
        piece: async (batch, first) => [await codec.compress(Buffer.concat(await body.piece(batch, first)))],
      };
    },
  };
}
