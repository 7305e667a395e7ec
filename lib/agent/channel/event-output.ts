import { isUtf8 } from "node:buffer";
import { open } from "node:fs/promises";
import type { EventBatch } from "../../engine/batch.js";
import { HeadraceError, reasonOf } from "../../engine/errors.js";
import { contentOf, gathered } from "../../engine/content.js";
import { avroEventFile } from "../../formats/avro-event-file.js";
import type { FileBody } from "../../formats/file-format.js";

/** Bytes of events in a block of an Avro file. */
const AVRO_BLOCK_BYTES = 64 * 1024;

export interface EventOutput {
  write(batch: EventBatch): Promise<void>;
  /** Resolves when what was written is safe: on the disk, or with whoever reads the pipe. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Events as JSON lines or Avro, into a file (which must not be there yet) or to standard output. */
export async function eventOutput(format: "json" | "avro", file: string | undefined): Promise<EventOutput> {
  const body = format === "avro" ? await avroBody() : jsonBody;
  let first = true;
  const pieces = async (batch: EventBatch) => {
    const written = await gathered(await body.piece(batch, first));
    first = false;
    return written;
  };
  if (file === undefined) {
    // Told of by the write that failed, too: whoever reads the pipe may have had enough.
    process.stdout.on("error", () => undefined);
    return {
      write: async (batch) => writeOut(await pieces(batch)),
      flush: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }
  const handle = await open(file, "wx", 0o600).catch((error: unknown) => {
    throw unusable(file, error);
  });
  return {
    write: async (batch) => {
      await handle.appendFile(await pieces(batch));
    },
    flush: () => handle.datasync(),
    close: () => handle.close(),
  };
}

function unusable(file: string, error: unknown): HeadraceError {
  return new HeadraceError("FLUME_OUTPUT_UNUSABLE", { file, reason: reasonOf(error) }, error);
}

function writeOut(bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => {
      if (error) reject(unusable("-", error));
      else resolve();
    });
  });
}

async function avroBody(): Promise<FileBody> {
  const format = await avroEventFile({ compressionCodec: "null", syncIntervalBytes: AVRO_BLOCK_BYTES });
  return format.begin();
}

/** Bodies that are not UTF-8 are told in base64. */
const jsonBody: FileBody = {
  piece(batch) {
    let text = "";
    for (const { headers, body } of batch) {
      const content = isUtf8(body) ? { body: body.toString() } : { bodyBase64: body.toString("base64") };
      text += `${JSON.stringify({ headers: { ...headers }, ...content })}\n`;
    }
    return Promise.resolve(contentOf([Buffer.from(text)]));
  },
};
