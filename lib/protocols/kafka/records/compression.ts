import { promisify } from "node:util";
import zlib from "node:zlib";
import { blockingWork } from "../../../engine/blocking-work.js";
import { HeadraceError } from "../../../engine/errors.js";
import { mostInLz4Frames } from "./lz4-frame.js";
import { packXerial, unpackXerial } from "./xerial.js";

/** Kafka's names, in the order of their numbers in a batch's attributes. */
export const COMPRESSION_NAMES = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type CompressionName = (typeof COMPRESSION_NAMES)[number];

/** The most that one record batch may hold once unpacked, in bytes: a small one can be made to grow without end. */
const MOST_UNPACKED = 128 * 1024 * 1024;

export function compressionId(name: CompressionName): number {
  return COMPRESSION_NAMES.indexOf(name);
}

interface Codec {
  pack(bytes: Buffer): Promise<Buffer>;
  unpack(bytes: Buffer): Promise<Buffer>;
}

/** The package `snappy`, as far as it is used. */
interface SnappyPackage {
  compress(bytes: Buffer): Promise<Buffer>;
  uncompress(bytes: Buffer, options: { asBuffer: true }): Promise<Buffer>;
}

/** The package `lz4-napi`, as far as it is used. */
interface Lz4Package {
  compressFrame(bytes: Buffer): Promise<Buffer>;
  decompressFrame(bytes: Buffer): Promise<Buffer>;
}

const codecs = new Map<CompressionName, Codec>();

const gzip: Codec = {
  pack: (bytes) => promisify(zlib.gzip)(bytes),
  unpack: (bytes) =>
    promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip)(bytes, { maxOutputLength: MOST_UNPACKED }),
};

/** Loads a codec. Throws FLUME_KAFKA_CODEC_MISSING, or …_ZSTD_MISSING, when what it needs is not installed. */
function load(name: CompressionName): Codec {
  const known = codecs.get(name);
  if (known) return known;
  const codec = make(name);
  codecs.set(name, codec);
  return codec;
}

function make(name: CompressionName): Codec {
  switch (name) {
    case "snappy": {
      const snappy = optional<SnappyPackage>("snappy", name);
      return {
        pack: (bytes) => packXerial(bytes, (block) => snappy.compress(block)),
        unpack: (bytes) => unpackXerial(bytes, MOST_UNPACKED, (block) => snappy.uncompress(block, { asBuffer: true })),
      };
    }
    case "lz4": {
      const lz4 = optional<Lz4Package>("lz4-napi", name);
      return {
        pack: (bytes) => lz4.compressFrame(bytes),
        unpack: (bytes) => {
          const most = mostInLz4Frames(bytes);
          if (most > MOST_UNPACKED) throw new RangeError(`${most} bytes once unpacked are more than ${MOST_UNPACKED}`);
          return lz4.decompressFrame(bytes);
        },
      };
    }
    case "zstd": {
      const { zstdCompress, zstdDecompress } = zlib;
      // From Node 22.15 and 23.8 on.
      if (!zstdCompress) throw new HeadraceError("FLUME_KAFKA_ZSTD_MISSING", { version: process.version });
      return {
        pack: (bytes) => promisify<Buffer, Buffer>(zstdCompress)(bytes),
        unpack: (bytes) =>
          promisify<Buffer, zlib.ZstdOptions, Buffer>(zstdDecompress)(bytes, { maxOutputLength: MOST_UNPACKED }),
      };
    }
    default:
      return gzip;
  }
}

function optional<T>(module: string, codec: string): T {
  try {
    return require(module) as T;
  } catch (error) {
    throw new HeadraceError("FLUME_KAFKA_CODEC_MISSING", { codec, needed: module }, error);
  }
}

/** Throws FLUME_KAFKA_CODEC_MISSING, or …_ZSTD_MISSING, when records cannot be packed so on this machine. */
export function checkCompression(name: CompressionName): void {
  if (name !== "none") load(name);
}

export async function compress(name: CompressionName, bytes: Buffer): Promise<Buffer> {
  const codec = load(name);
  return await blockingWork(() => codec.pack(bytes));
}

/** `id` as in a batch's attributes. Throws FLUME_KAFKA_CODEC_MISSING, or what the codec says of broken bytes. */
export async function decompress(id: number, bytes: Buffer): Promise<Buffer> {
  const name = COMPRESSION_NAMES[id];
  if (name === undefined) throw new RangeError(`compression ${id} is not known`);
  const codec = load(name);
  return await blockingWork(() => codec.unpack(bytes));
}
