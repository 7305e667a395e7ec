import { avroEventFile, type AvroEventOptions } from "./avro-event-file.js";
import { createTextSerializer, type TextOptions, type TextSerializerName } from "./event-serializer.js";
import type { FileFormat } from "./file-format.js";
import { textFile } from "./text-file.js";

/** Flume's names of the serializers for streams (EventSerializerType). */
export const EVENT_SERIALIZERS = ["TEXT", "HEADER_AND_TEXT", "AVRO_EVENT"] as const;

export interface EventFileSettings extends TextOptions, AvroEventOptions {
  readonly serializer: TextSerializerName | "AVRO_EVENT";
}

/** A file of events one after the other. Rejects with FLUME_CODEC_MISSING when a codec is not installed. */
export async function eventFile(settings: EventFileSettings): Promise<FileFormat> {
  const { serializer } = settings;
  if (serializer === "AVRO_EVENT") return await avroEventFile(settings);
  return textFile(createTextSerializer(serializer, settings));
}
