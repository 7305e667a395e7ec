import { avroEventFile, type AvroEventOptions } from "./avro-event-file.js";
import { createTextSerializer, type TextOptions, type TextSerializerName } from "./event-serializer.js";
import type { FileFormat } from "./file-format.js";
import { textFile } from "./text-file.js";

/** Flume's names of the serializers for streams (EventSerializerType). */
export const EVENT_SERIALIZERS = ["TEXT", "HEADER_AND_TEXT", "AVRO_EVENT"] as const;

type SerializerName = (typeof EVENT_SERIALIZERS)[number];

/** The classes behind those names, as people write them in full. */
export const SERIALIZER_ALIASES: Readonly<Record<string, SerializerName>> = {
  ...aliases("BodyTextEventSerializer", "TEXT"),
  ...aliases("HeaderAndBodyTextEventSerializer", "HEADER_AND_TEXT"),
  ...aliases("FlumeEventAvroEventSerializer", "AVRO_EVENT"),
};

function aliases(className: string, name: SerializerName): Record<string, SerializerName> {
  const whole = `org.apache.flume.serialization.${className}`;
  return { [whole]: name, [`${whole}$Builder`]: name };
}

export interface EventFileSettings extends TextOptions, AvroEventOptions {
  readonly serializer: TextSerializerName | "AVRO_EVENT";
}

/** A file of events one after the other. Rejects with FLUME_CODEC_MISSING when a codec is not installed. */
export async function eventFile(settings: EventFileSettings): Promise<FileFormat> {
  const { serializer } = settings;
  if (serializer === "AVRO_EVENT") return await avroEventFile(settings);
  return textFile(createTextSerializer(serializer, settings));
}
