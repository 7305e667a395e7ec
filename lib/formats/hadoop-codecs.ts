import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { blockingWork } from "../engine/blocking-work.js";
import { HeadraceError, reasonOf } from "../engine/errors.js";
import { bzip2 } from "./bzip2.js";
import { codecClass, type CodecName } from "./codec-names.js";

export interface HadoopCodec {
  readonly className: string;
  /** One whole compressed stream. Streams may follow each other in a file: Hadoop reads them as one. */
  compress(bytes: Buffer): Promise<Buffer>;
}

/** Rejects with FLUME_CODEC_MISSING when what it needs is not installed. */
export async function hadoopCodec(name: CodecName): Promise<HadoopCodec> {
  const compress = await compressorOf(name);
  return { className: codecClass(name), compress };
}

type Compress = (bytes: Buffer) => Promise<Buffer>;

const gzip = promisify(zlib.gzip) as Compress;
const deflate = promisify(zlib.deflate) as Compress;

async function compressorOf(name: CodecName): Promise<Compress> {
  switch (name) {
    case "gzip":
      return (bytes) => blockingWork(() => gzip(bytes));
    case "default":
      return (bytes) => blockingWork(() => deflate(bytes));
    case "zstandard": {
      // Since Node.js 22.15 and 23.8.
      const { zstdCompress } = zlib as { zstdCompress?: typeof zlib.zstdCompress };
      if (!zstdCompress) throw missing(name, "Node.js 22.15 or newer");
      const zstd = promisify(zstdCompress) as Compress;
      return (bytes) => blockingWork(() => zstd(bytes));
    }
    case "bzip2":
      return await bzip2("several streams");
    case "snappy": {
      const snappy = await optionalPackage<{ compress: Compress }>("snappy", name);
      return (bytes) => inBlocks(bytes, (block) => snappy.compress(block));
    }
    case "lz4": {
      const lz4 = await optionalPackage<{ compress: Compress }>("lz4-napi", name);
      // It puts the length before the block, which Hadoop does in its own way.
      return (bytes) => inBlocks(bytes, async (block) => (await lz4.compress(block)).subarray(4));
    }
  }
}

/** Loads a package that people install when they need it. Rejects with FLUME_CODEC_MISSING. */
export async function optionalPackage<T>(packageName: string, codec: string): Promise<T> {
  try {
    const loaded = (await import(packageName)) as T & { default?: T };
    return loaded.default ?? loaded;
  } catch (error) {
    throw missing(codec, packageName, error);
  }
}

function missing(codec: string, needed: string, cause?: unknown): HeadraceError {
  const reason = cause === undefined ? "it is not there" : reasonOf(cause);
  return new HeadraceError("FLUME_CODEC_MISSING", { codec, needed, reason }, cause);
}

/**
 * Hadoop's framing of block codecs (BlockCompressorStream): for each block the length of what it holds, then the
 * length of its one chunk, both four bytes with the highest first, then the chunk. A block that is unpacked must fit
 * into Hadoop's buffer of 256 KiB, and so must the chunk, which may be larger than what it holds by a sixth.
 */
const BLOCK = 192 * 1024;

async function inBlocks(bytes: Buffer, compress: Compress): Promise<Buffer> {
  const out: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += BLOCK) {
    const block = bytes.subarray(start, Math.min(start + BLOCK, bytes.length));
    const chunk = await blockingWork(() => compress(block));
    const lengths = Buffer.allocUnsafe(8);
    lengths.writeUInt32BE(block.length, 0);
    lengths.writeUInt32BE(chunk.length, 4);
    out.push(lengths, chunk);
  }
  return Buffer.concat(out);
}
