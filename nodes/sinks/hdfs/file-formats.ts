import { HeadraceError } from "../../../lib/engine/errors.js";
import { type AvroCodecName, avroEventFile } from "../../../lib/formats/avro-event-file.js";
import { createTextSerializer, type TextSerializerName } from "../../../lib/formats/event-serializer.js";
import type { FileFormat } from "../../../lib/formats/file-format.js";
import { type CodecName, codecExtension } from "../../../lib/formats/codec-names.js";
import { hadoopCodec } from "../../../lib/formats/hadoop-codecs.js";
import { sequenceFile, type WriteFormat } from "../../../lib/formats/sequence-file.js";
import { compressedFile, textFile } from "../../../lib/formats/text-file.js";

/** Flume's kinds of files (HDFSWriterFactory). */
export const FILE_TYPES = ["SequenceFile", "DataStream", "CompressedStream"] as const;
export const SERIALIZERS = ["TEXT", "HEADER_AND_TEXT", "AVRO_EVENT"] as const;

export interface FormatSettings {
  readonly fileType: (typeof FILE_TYPES)[number];
  readonly codeC: CodecName | "none";
  readonly writeFormat: WriteFormat;
  readonly serializer: TextSerializerName | "AVRO_EVENT";
  readonly appendNewline: boolean;
  readonly compressionCodec: AvroCodecName;
  /** Bytes. */
  readonly syncIntervalBytes: number;
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
  return { format: await streamFormat(settings, codec), extension };
}

async function streamFormat(
  settings: FormatSettings,
  codec: Awaited<ReturnType<typeof hadoopCodec>> | undefined,
): Promise<FileFormat> {
  const { serializer } = settings;
  if (serializer !== "AVRO_EVENT") return textFile(createTextSerializer(serializer, settings), codec);
  const avro = await avroEventFile(settings);
  return codec ? compressedFile(avro, codec) : avro;
}
