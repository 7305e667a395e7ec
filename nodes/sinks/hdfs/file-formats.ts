import { HeadraceError } from "../../../lib/engine/errors.js";
import { type CodecName, codecExtension } from "../../../lib/formats/codec-names.js";
import { eventFile, type EventFileSettings } from "../../../lib/formats/event-file.js";
import type { FileFormat } from "../../../lib/formats/file-format.js";
import { hadoopCodec } from "../../../lib/formats/hadoop-codecs.js";
import { sequenceFile, type WriteFormat } from "../../../lib/formats/sequence-file.js";
import { compressedFile } from "../../../lib/formats/text-file.js";

/** Flume's kinds of files (HDFSWriterFactory). */
export const FILE_TYPES = ["SequenceFile", "DataStream", "CompressedStream"] as const;

export interface FormatSettings extends EventFileSettings {
  readonly fileType: (typeof FILE_TYPES)[number];
  readonly codeC: CodecName | "none";
  readonly writeFormat: WriteFormat;
}

export interface ChosenFormat {
  readonly format: FileFormat;
  /** Behind a file's name when no suffix is set: that of the codec, or nothing. */
  readonly extension: string;
}

/** Rejects with FLUME_HDFS_CODEC_WANTED or FLUME_CODEC_MISSING. */
export async function chosenFormat(settings: FormatSettings): Promise<ChosenFormat> {
  const { fileType, writeFormat } = settings;
  // The form hides the codec of a plain stream, and what is hidden does not count.
  const codeC = fileType === "DataStream" ? "none" : settings.codeC;
  if (fileType === "CompressedStream" && codeC === "none") throw new HeadraceError("FLUME_HDFS_CODEC_WANTED");
  const codec = codeC === "none" ? undefined : await hadoopCodec(codeC);
  const extension = codeC === "none" ? "" : codecExtension(codeC);
  if (fileType === "SequenceFile") return { format: sequenceFile(writeFormat, codec), extension };
  const stream = await eventFile(settings);
  return { format: codec ? compressedFile(stream, codec) : stream, extension };
}
