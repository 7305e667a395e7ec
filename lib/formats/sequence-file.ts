import { randomBytes } from "node:crypto";
import type { EventBatch } from "../engine/batch.js";
import { contentOf } from "../engine/content.js";
import type { FlumeEvent } from "../engine/event.js";
import { eventContent, type EventWriter } from "./event-content.js";
import type { FileFormat } from "./file-format.js";
import type { HadoopCodec } from "./hadoop-codecs.js";
import { hadoopVInt, hadoopVIntSize } from "./hadoop-vint.js";

/** How a record holds the body of an event: as it is, or as text. */
export const WRITE_FORMATS = ["Writable", "Text"] as const;
export type WriteFormat = (typeof WRITE_FORMATS)[number];

/** Flume's classes for them, which it takes in full as well. */
export const WRITE_FORMAT_ALIASES: Readonly<Record<string, WriteFormat>> = {
  "org.apache.flume.sink.hdfs.HDFSWritableSerializer$Builder": "Writable",
  "org.apache.flume.sink.hdfs.HDFSTextSerializer$Builder": "Text",
};

const VERSION = 6;
const KEY_CLASS = "org.apache.hadoop.io.LongWritable";
const VALUE_CLASS: Readonly<Record<WriteFormat, string>> = {
  Writable: "org.apache.hadoop.io.BytesWritable",
  Text: "org.apache.hadoop.io.Text",
};
const KEY_LENGTH = 8;
/** Stands where a record's length is expected, before a sync marker. */
const SYNC_ESCAPE = Buffer.from([0xff, 0xff, 0xff, 0xff]);
/** Uncompressed bytes of values in one compressed block: io.seqfile.compress.blocksize. */
const BLOCK_BYTES = 1_000_000;

/**
 * Hadoop's SequenceFile, version 6, as Flume's HDFSSequenceFile writes it: key the event's timestamp, value its body;
 * with a codec, compressed by blocks. Format: the comment of org.apache.hadoop.io.SequenceFile. Each piece begins
 * with a sync marker, so what follows a damaged piece can still be read.
 */
export function sequenceFile(format: WriteFormat, codec: HadoopCodec | undefined, now = Date.now): FileFormat {
  return {
    begin() {
      const sync = randomBytes(16);
      return {
        async piece(batch, first) {
          const head = first ? [header(format, codec, sync)] : [];
          const time = now();
          if (codec) return contentOf([...head, ...(await compressedBlocks(batch, format, codec, sync, time))]);
          return eventContent(batch, records(format, time), Buffer.concat([...head, SYNC_ESCAPE, sync]));
        },
      };
    },
  };
}

function header(format: WriteFormat, codec: HadoopCodec | undefined, sync: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from("SEQ"),
    Buffer.from([VERSION]),
    text(KEY_CLASS),
    text(VALUE_CLASS[format]),
    Buffer.from([codec ? 1 : 0, codec ? 1 : 0]),
    ...(codec ? [text(codec.className)] : []),
    // No metadata.
    Buffer.alloc(4),
    sync,
  ]);
}

/** As org.apache.hadoop.io.Text.writeString does. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([hadoopVInt(bytes.length), bytes]);
}

/** What stands before the body in a value: BytesWritable has four bytes of length, Text a variable number. */
function valueHead(body: Buffer, format: WriteFormat): Buffer {
  if (format === "Text") return hadoopVInt(body.length);
  const head = Buffer.allocUnsafe(4);
  head.writeInt32BE(body.length);
  return head;
}

function records(format: WriteFormat, now: number): EventWriter {
  const lengthSize = ({ body }: FlumeEvent) => (format === "Text" ? hadoopVIntSize(body.length) : 4);
  return {
    sizeOf: (event) => 8 + KEY_LENGTH + lengthSize(event) + event.body.length,
    write(event, out) {
      const { body } = event;
      out.int32(KEY_LENGTH + lengthSize(event) + body.length);
      out.int32(KEY_LENGTH);
      out.int64(keyOf(event, now));
      if (format === "Text") out.bytes(hadoopVInt(body.length));
      else out.int32(body.length);
      out.bytes(body);
    },
  };
}

async function compressedBlocks(
  batch: EventBatch,
  format: WriteFormat,
  codec: HadoopCodec,
  sync: Buffer,
  now: number,
): Promise<Buffer[]> {
  const out: Buffer[] = [];
  for (let start = 0; start < batch.length; ) {
    const keys: Buffer[] = [];
    const valueLengths: Buffer[] = [];
    const values: Buffer[] = [];
    let bytes = 0;
    let end = start;
    for (; end < batch.length && bytes < BLOCK_BYTES; end++) {
      const event = batch.at(end);
      const key = Buffer.allocUnsafe(KEY_LENGTH);
      key.writeBigInt64BE(keyOf(event, now));
      keys.push(key);
      const head = valueHead(event.body, format);
      values.push(head, event.body);
      const length = head.length + event.body.length;
      valueLengths.push(hadoopVInt(length));
      bytes += length;
    }
    const keyLengths = Buffer.alloc(end - start, hadoopVInt(KEY_LENGTH));
    out.push(SYNC_ESCAPE, sync, hadoopVInt(end - start));
    for (const part of [keyLengths, Buffer.concat(keys), Buffer.concat(valueLengths), Buffer.concat(values)]) {
      const compressed = await codec.compress(part);
      out.push(hadoopVInt(compressed.length), compressed);
    }
    start = end;
  }
  return out;
}

/** The header `timestamp`, or now where there is none (Flume: SequenceFileSerializer). */
function keyOf({ headers }: FlumeEvent, now: number): bigint {
  const value = headers["timestamp"];
  return value !== undefined && /^[+-]?\d{1,18}$/.test(value) ? BigInt(value) : BigInt(now);
}
