import type { EventWriter } from "./event-content.js";
import { headerAndTextSerializer } from "./header-and-text-serializer.js";
import { textSerializer } from "./text-serializer.js";

export interface TextOptions {
  /** A line feed after each event. */
  readonly appendNewline: boolean;
}

/** Flume's names of the serializers for text files. */
export const TEXT_SERIALIZERS = ["TEXT", "HEADER_AND_TEXT"] as const;
export type TextSerializerName = (typeof TEXT_SERIALIZERS)[number];

export function createTextSerializer(name: TextSerializerName, options: TextOptions): EventWriter {
  return name === "TEXT" ? textSerializer(options) : headerAndTextSerializer(options);
}
