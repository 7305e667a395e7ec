/** Flume's names of Hadoop's codecs (`hdfs.codeC`): a class name without `Codec`, in any case. */
export const CODECS = ["gzip", "bzip2", "zstandard", "snappy", "lz4", "default"] as const;
export type CodecName = (typeof CODECS)[number];

/** `CompressionCodec.getDefaultExtension` of each. */
const EXTENSIONS: Readonly<Record<CodecName, string>> = {
  gzip: ".gz",
  bzip2: ".bz2",
  zstandard: ".zst",
  snappy: ".snappy",
  lz4: ".lz4",
  default: ".deflate",
};

export function codecExtension(name: CodecName): string {
  return EXTENSIONS[name];
}
