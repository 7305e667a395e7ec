import type { EventBatch } from "../engine/batch.js";
import { headerAndTextSerializer } from "./header-and-text-serializer.js";
import { textSerializer } from "./text-serializer.js";

/** Turns whole batches into what stands in a file. */
export interface EventSerializer {
  /** The batch in few buffers, which may be those of the events: they are to be written, not changed. */
  serialize(batch: EventBatch): Buffer[];
}

export interface TextOptions {
  /** A line feed after each event. */
  readonly appendNewline: boolean;
}

/** Flume's names of the serializers for text files. */
export const TEXT_SERIALIZERS = ["TEXT", "HEADER_AND_TEXT"] as const;
export type TextSerializerName = (typeof TEXT_SERIALIZERS)[number];

export function createTextSerializer(name: TextSerializerName, options: TextOptions): EventSerializer {
  return name === "TEXT" ? textSerializer(options) : headerAndTextSerializer(options);
}
