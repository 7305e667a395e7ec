/** Flume's names of Hadoop's codecs (`hdfs.codeC`): a class name without `Codec`, in any case. */
export const CODECS = ["gzip", "bzip2", "zstandard", "snappy", "lz4", "default"] as const;
export type CodecName = (typeof CODECS)[number];

const PACKAGE = "org.apache.hadoop.io.compress.";
const CLASSES: Readonly<Record<CodecName, string>> = {
  gzip: "GzipCodec",
  bzip2: "BZip2Codec",
  zstandard: "ZStandardCodec",
  snappy: "SnappyCodec",
  lz4: "Lz4Codec",
  default: "DefaultCodec",
};

/** `CompressionCodec.getDefaultExtension` of each. */
const EXTENSIONS: Readonly<Record<CodecName, string>> = {
  gzip: ".gz",
  bzip2: ".bz2",
  zstandard: ".zst",
  snappy: ".snappy",
  lz4: ".lz4",
  default: ".deflate",
};

/** With and without its package, as Flume takes them too. DeflateCodec is DefaultCodec by another name. */
export const CODEC_ALIASES: Readonly<Record<string, CodecName>> = Object.fromEntries([
  ...CODECS.flatMap((codec): [string, CodecName][] => [
    [CLASSES[codec], codec],
    [codecClass(codec), codec],
  ]),
  ["deflate", "default"],
  ["DeflateCodec", "default"],
  [`${PACKAGE}DeflateCodec`, "default"],
]);

export function codecExtension(name: CodecName): string {
  return EXTENSIONS[name];
}

/** What stands in the header of a sequence file. */
export function codecClass(name: CodecName): string {
  return PACKAGE + CLASSES[name];
}
