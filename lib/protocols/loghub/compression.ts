import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { blockingWork } from "../../engine/blocking-work.js";
import { HeadraceError } from "../../engine/errors.js";
import { nextLoopTurn, turnIsOver } from "../../engine/turn.js";
import { Lz4BlockReader, Lz4BlockWriter } from "../../formats/lz4-block.js";
import type { LogHubCompression } from "./compression-names.js";

/** Bytes of LZ4 that are unpacked between two looks at the clock: about a millisecond. */
const SLICE = 1024 * 1024;
/** The same for packing, which takes longer. */
const PACKED_SLICE = 128 * 1024;

type Unpack = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;
type Pack = (bytes: Buffer) => Promise<Buffer>;

const inflate = promisify(zlib.inflate) as Unpack;
const gunzip = promisify(zlib.gunzip) as Unpack;
const deflate = promisify(zlib.deflate) as Pack;
/** Since Node.js 22.15 and 23.8. */
const { zstdCompress, zstdDecompress } = zlib as Partial<typeof zlib>;

/** Throws FLUME_LOGHUB_CODEC_MISSING when this Node.js lacks it. */
export function checkCompression(name: LogHubCompression): void {
  if (name === "zstd" && !zstdCompress) {
    throw new HeadraceError("FLUME_LOGHUB_CODEC_MISSING", { codec: name, needed: "Node.js 22.15 or newer" });
  }
}

/** The body of a PutLogs, packed. */
export async function packBody(name: LogHubCompression, bytes: Buffer): Promise<Buffer> {
  switch (name) {
    case "none":
      return bytes;
    case "lz4":
      return await packLz4(bytes);
    case "deflate":
      return await blockingWork(() => deflate(bytes));
    case "zstd": {
      checkCompression(name);
      const zstd = promisify(zstdCompress as typeof zlib.zstdCompress) as Pack;
      return await blockingWork(() => zstd(bytes));
    }
  }
}

/**
 * What a reply holds. `type` is its own x-log-compresstype; `length` what it says it holds. Takes no more memory than
 * that, nor than the packed bytes can hold. Rejects with any Error for bytes that are not what they say. `take` gives memory
 * where it is ours to take.
 */
export async function unpackBody(
  type: string,
  bytes: Buffer,
  length: number,
  take: (length: number) => Buffer = Buffer.allocUnsafeSlow,
): Promise<Buffer> {
  const unpacked = await unpack(type, bytes, length, take);
  if (unpacked.length !== length) throw new Error(`it holds ${unpacked.length} bytes, not ${length}`);
  return unpacked;
}

async function unpack(type: string, bytes: Buffer, length: number, take: (length: number) => Buffer): Promise<Buffer> {
  const most = { maxOutputLength: Math.max(length, 1) };
  switch (type) {
    case "":
    case "none":
      return bytes;
    case "lz4":
      return await unpackLz4(bytes, length, take);
    case "deflate":
      return await blockingWork(() => inflate(bytes, most));
    case "gzip":
      return await blockingWork(() => gunzip(bytes, most));
    case "zstd": {
      checkCompression(type);
      const zstd = promisify(zstdDecompress as typeof zlib.zstdDecompress) as unknown as Unpack;
      return await blockingWork(() => zstd(bytes, most));
    }
    default:
      throw new Error(`compression ${type.slice(0, 20)} is not known`);
  }
}

async function packLz4(bytes: Buffer): Promise<Buffer> {
  const writer = new Lz4BlockWriter(bytes);
  while (!writer.run(PACKED_SLICE)) if (turnIsOver()) await nextLoopTurn();
  return writer.block;
}

async function unpackLz4(bytes: Buffer, length: number, take: (length: number) => Buffer): Promise<Buffer> {
  const reader = new Lz4BlockReader(bytes, length, take);
  while (!reader.run(SLICE)) if (turnIsOver()) await nextLoopTurn();
  return reader.target;
}
