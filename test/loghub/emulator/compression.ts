import * as zlib from "node:zlib";
import { lz4Compress, lz4Decompress } from "./lz4-block.js";

/** "deflate" is a zlib stream (RFC 1950), as official clients mean it. */
export type Compression = "lz4" | "deflate" | "gzip" | "zstd";

export const isCompression = (name: string): name is Compression =>
  name === "lz4" || name === "deflate" || name === "gzip" || name === "zstd";

/** Zstandard came to Node with 22.15: what runs on an older one does without. */
export const hasZstd = typeof zlib.zstdCompressSync === "function";

export function compress(bytes: Buffer, how: Compression): Buffer {
  switch (how) {
    case "lz4":
      return lz4Compress(bytes);
    case "deflate":
      return zlib.deflateSync(bytes);
    case "gzip":
      return zlib.gzipSync(bytes);
    case "zstd":
      return zlib.zstdCompressSync(bytes);
  }
}

/** @throws Error unless it becomes exactly `size` bytes */
export function decompress(bytes: Buffer, how: Compression, size: number): Buffer {
  const limit = { maxOutputLength: Math.max(size, 1) };
  const raw = (): Buffer => {
    switch (how) {
      case "lz4":
        return lz4Decompress(bytes, size);
      case "deflate":
        return zlib.inflateSync(bytes, limit);
      case "gzip":
        return zlib.gunzipSync(bytes, limit);
      case "zstd":
        return zlib.zstdDecompressSync(bytes, limit);
    }
  };
  const result = raw();
  if (result.length !== size) throw new Error(`It holds ${result.length} bytes, not the ${size} told`);
  return result;
}
