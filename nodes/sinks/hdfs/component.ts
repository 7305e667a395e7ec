import type { SinkComponent } from "../../../lib/engine/component.js";
import { boolean, choice, configNode, number, text } from "../../../lib/engine/properties.js";
import { AVRO_CODECS } from "../../../lib/formats/avro-event-file.js";
import { CODEC_ALIASES, CODECS } from "../../../lib/formats/codec-names.js";
import { EVENT_SERIALIZERS, SERIALIZER_ALIASES } from "../../../lib/formats/event-file.js";
import { WRITE_FORMAT_ALIASES, WRITE_FORMATS } from "../../../lib/formats/sequence-file.js";
import { ROUND_UNITS } from "../../../lib/formats/zoned-time.js";
import { FILE_TYPES } from "./file-formats.js";
import { HdfsSink } from "./hdfs-sink.js";

/** What a timer can hold, in seconds. */
const LONGEST_TIMER = 2_147_483;

const streams = { property: "fileType", is: ["DataStream", "CompressedStream"] } as const;
const avro = { property: "serializer", is: ["AVRO_EVENT"] } as const;
const lines = { property: "serializer", is: ["TEXT", "HEADER_AND_TEXT"] } as const;
const rounded = { property: "round", is: [true] } as const;

const properties = {
  cluster: configNode("flume-hdfs-cluster", { required: true }),
  path: text("", { flumeKey: "hdfs.path", required: true }),
  filePrefix: text("FlumeData", { flumeKey: "hdfs.filePrefix" }),
  fileSuffix: text("", { flumeKey: "hdfs.fileSuffix", format: "file-name" }),
  round: boolean(false, { flumeKey: "hdfs.round" }),
  roundValue: number(1, { flumeKey: "hdfs.roundValue", min: 1, max: 60, shownWhen: rounded }),
  roundUnit: choice(ROUND_UNITS, "second", { flumeKey: "hdfs.roundUnit", shownWhen: rounded }),
  timeZone: text("", { flumeKey: "hdfs.timeZone" }),
  useLocalTimeStamp: boolean(false, { flumeKey: "hdfs.useLocalTimeStamp" }),
  rollInterval: number(30, { flumeKey: "hdfs.rollInterval", max: LONGEST_TIMER, unit: "s" }),
  rollSize: number(1024, { flumeKey: "hdfs.rollSize", unit: "bytes" }),
  rollCount: number(10, { flumeKey: "hdfs.rollCount", unit: "events" }),
  idleTimeout: number(0, { flumeKey: "hdfs.idleTimeout", max: LONGEST_TIMER, unit: "s" }),
  batchSize: number(100, { flumeKey: "hdfs.batchSize", min: 1, max: 1_000_000, unit: "events" }),
  fileType: choice(FILE_TYPES, "SequenceFile", { flumeKey: "hdfs.fileType" }),
  writeFormat: choice(WRITE_FORMATS, "Writable", {
    flumeKey: "hdfs.writeFormat",
    aliases: WRITE_FORMAT_ALIASES,
    shownWhen: { property: "fileType", is: ["SequenceFile"] },
  }),
  codeC: choice(["none", ...CODECS], "none", {
    flumeKey: "hdfs.codeC",
    aliases: CODEC_ALIASES,
    shownWhen: { property: "fileType", is: ["SequenceFile", "CompressedStream"] },
  }),
  serializer: choice(EVENT_SERIALIZERS, "TEXT", {
    flumeKey: "serializer",
    aliases: SERIALIZER_ALIASES,
    shownWhen: streams,
  }),
  appendNewline: boolean(true, { flumeKey: "serializer.appendNewline", shownWhen: lines }),
  compressionCodec: choice(AVRO_CODECS, "null", { flumeKey: "serializer.compressionCodec", shownWhen: avro }),
  syncIntervalBytes: number(2_048_000, {
    flumeKey: "serializer.syncIntervalBytes",
    min: 1,
    max: 64 * 1024 * 1024,
    unit: "bytes",
    shownWhen: avro,
    advanced: true,
  }),
  inUsePrefix: text("", { flumeKey: "hdfs.inUsePrefix", format: "file-name", advanced: true }),
  inUseSuffix: text(".tmp", { flumeKey: "hdfs.inUseSuffix", format: "file-name", advanced: true }),
  emptyInUseSuffix: boolean(false, { flumeKey: "hdfs.emptyInUseSuffix", advanced: true }),
  maxOpenFiles: number(5000, { flumeKey: "hdfs.maxOpenFiles", min: 1, max: 1_000_000, advanced: true }),
  callTimeout: number(30_000, {
    flumeKey: "hdfs.callTimeout",
    min: 100,
    max: LONGEST_TIMER * 1000,
    unit: "ms",
    advanced: true,
  }),
  closeTries: number(0, { flumeKey: "hdfs.closeTries", advanced: true }),
  retryInterval: number(180, {
    flumeKey: "hdfs.retryInterval",
    min: -1,
    max: LONGEST_TIMER,
    unit: "s",
    advanced: true,
  }),
  threadsPoolSize: number(10, { flumeKey: "hdfs.threadsPoolSize", min: 1, max: 64, advanced: true }),
  proxyUser: text("", { flumeKey: "hdfs.proxyUser", advanced: true }),
  /** Ours: batches taken from the channel that may wait for one append together. */
  maxInFlight: number(100, { min: 1, max: 10_000, advanced: true }),
  parallelFiles: number(3, { min: 1, max: 16, advanced: true }),
};

export const component: SinkComponent<typeof properties> = {
  type: "flume-hdfs-sink",
  role: "sink",
  flumeType: "hdfs",
  properties,
  icon: "flume-hdfs-sink.svg",
  outputs: 0,
  canRefuse: true,
  guarantee: "at-least-once",
  labelProperty: "path",
  create: (config, context) => new HdfsSink(config, context),
};
