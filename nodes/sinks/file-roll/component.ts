import type { SinkComponent } from "../../../lib/engine/component.js";
import { boolean, choice, number, text } from "../../../lib/engine/properties.js";
import { AVRO_CODECS } from "../../../lib/formats/avro-event-file.js";
import { EVENT_SERIALIZERS, SERIALIZER_ALIASES } from "../../../lib/formats/event-file.js";
import { PATH_MANAGERS } from "./file-names.js";
import { FileRollSink } from "./file-roll-sink.js";

const avro = { property: "serializer", is: ["AVRO_EVENT"] } as const;

const properties = {
  directory: text("", { flumeKey: "sink.directory", required: true, format: "directory" }),
  /** 0: never. The most is what a timer can hold. */
  rollInterval: number(30, { flumeKey: "sink.rollInterval", max: 2_147_483, unit: "s" }),
  batchSize: number(100, { flumeKey: "sink.batchSize", min: 1, max: 1_000_000, unit: "events" }),
  serializer: choice(EVENT_SERIALIZERS, "TEXT", { flumeKey: "sink.serializer", aliases: SERIALIZER_ALIASES }),
  appendNewline: boolean(true, {
    flumeKey: "sink.serializer.appendNewline",
    shownWhen: { property: "serializer", is: ["TEXT", "HEADER_AND_TEXT"] },
  }),
  compressionCodec: choice(AVRO_CODECS, "null", { flumeKey: "sink.serializer.compressionCodec", shownWhen: avro }),
  syncIntervalBytes: number(2_048_000, {
    flumeKey: "sink.serializer.syncIntervalBytes",
    min: 1,
    max: 64 * 1024 * 1024,
    unit: "bytes",
    advanced: true,
    shownWhen: avro,
  }),
  pathManager: choice(PATH_MANAGERS, "DEFAULT", { flumeKey: "sink.pathManager" }),
  prefix: text("", { flumeKey: "sink.pathManager.prefix", format: "file-name" }),
  extension: text("", { flumeKey: "sink.pathManager.extension", format: "file-name" }),
  fsync: boolean(false, { advanced: true }),
};

export const component: SinkComponent<typeof properties> = {
  type: "flume-file-roll-sink",
  role: "sink",
  flumeType: "file_roll",
  properties,
  icon: "flume-file-roll-sink.svg",
  outputs: 0,
  guarantee: "at-least-once",
  labelProperty: "directory",
  create: (config, context) => new FileRollSink(config, context),
};
