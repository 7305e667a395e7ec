import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { crc32, deflateRaw } from "node:zlib";
import type { EventBatch } from "../engine/batch.js";
import { blockingWork } from "../engine/blocking-work.js";
import { contentOf } from "../engine/content.js";
import { HeadraceError } from "../engine/errors.js";
import { nextLoopTurn, turnIsOver } from "../engine/turn.js";
import { bzip2 } from "./bzip2.js";
import type { FileFormat } from "./file-format.js";
import { flumeEventSize, writeFlumeEvent } from "./flume-avro-event.js";
import { optionalPackage } from "./hadoop-codecs.js";
import { varintSize, writeVarint } from "./varint.js";

/** `serializer.compressionCodec` of avro_event, as in Avro's own names. */
export const AVRO_CODECS = ["null", "deflate", "snappy", "bzip2"] as const;
export type AvroCodecName = (typeof AVRO_CODECS)[number];

export interface AvroEventOptions {
  readonly compressionCodec: AvroCodecName;
  /** Bytes of events after which a block ends. */
  readonly syncIntervalBytes: number;
}

/** The schema that Flume's FlumeEventAvroEventSerializer writes, in Avro's JSON. */
const SCHEMA = JSON.stringify({
  type: "record",
  name: "Event",
  fields: [
    { name: "headers", type: { type: "map", values: "string" } },
    { name: "body", type: "bytes" },
  ],
});

type Pack = (block: Buffer) => Promise<Buffer>;

/**
 * Flume's avro_event: an Avro object container of headers and bodies (Avro 1.11 specification, "Object Container
 * Files"). Rejects with FLUME_CODEC_MISSING when the codec is not installed.
 */
export async function avroEventFile(options: AvroEventOptions): Promise<FileFormat> {
  const pack = await packerOf(options.compressionCodec);
  return {
    begin() {
      const sync = randomBytes(16);
      return {
        async piece(batch, first) {
          const head = first ? [header(options.compressionCodec, sync)] : [];
          return contentOf([...head, ...(await blocks(batch, options.syncIntervalBytes, pack, sync))]);
        },
      };
    },
  };
}

function header(codec: AvroCodecName, sync: Buffer): Buffer {
  const metadata = { "avro.schema": SCHEMA, "avro.codec": codec };
  const entries = Object.entries(metadata).flatMap(([name, value]) => [prefixed(name), prefixed(value)]);
  return Buffer.concat([Buffer.from("Obj\u0001"), varint(Object.keys(metadata).length), ...entries, varint(0), sync]);
}

async function blocks(batch: EventBatch, interval: number, pack: Pack, sync: Buffer): Promise<Buffer[]> {
  const out: Buffer[] = [];
  for (let start = 0; start < batch.length; ) {
    let bytes = 0;
    let end = start;
    while (end < batch.length && bytes < interval) bytes += flumeEventSize(batch.at(end++));
    const block = Buffer.allocUnsafe(bytes);
    let at = 0;
    for (let i = start; i < end; i++) at = writeFlumeEvent(block, batch.at(i), at);
    const packed = await pack(block);
    out.push(Buffer.concat([varint(end - start), varint(packed.length)]), packed, sync);
    start = end;
    if (turnIsOver()) await nextLoopTurn();
  }
  return out;
}

const deflated = promisify(deflateRaw) as (block: Buffer) => Promise<Buffer>;

async function packerOf(codec: AvroCodecName): Promise<Pack> {
  if (codec === "null") return async (block) => block;
  if (codec === "deflate") return (block) => blockingWork(() => deflated(block));
  if (codec === "bzip2") return await bzip2("one stream");
  const snappy = await optionalPackage<{ compress: Pack }>("snappy", codec);
  if (typeof crc32 !== "function") {
    // Since Node.js 20.15.
    throw new HeadraceError("FLUME_CODEC_MISSING", { codec, needed: "Node.js 20.15", reason: "it is older" });
  }
  return async (block) => {
    const packed = await blockingWork(() => snappy.compress(block));
    const checksum = Buffer.allocUnsafe(4);
    checksum.writeUInt32BE(crc32(block));
    return Buffer.concat([packed, checksum]);
  };
}

function prefixed(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const out = Buffer.allocUnsafe(varintSize(value));
  writeVarint(out, value, 0);
  return out;
}
