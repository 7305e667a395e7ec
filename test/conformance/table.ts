import { component as file } from "../../nodes/channels/file/component.js";
import { component as memory } from "../../nodes/channels/memory/component.js";
import { component as spillable } from "../../nodes/channels/spillable/component.js";
import { component as selector } from "../../nodes/routing/channel-selector/component.js";
import { component as interceptors } from "../../nodes/routing/interceptors/component.js";
import { component as logger } from "../../nodes/sinks/logger/component.js";
import { component as nullSink } from "../../nodes/sinks/null/component.js";
import { component as seq } from "../../nodes/sources/seq/component.js";
import { component as stress } from "../../nodes/sources/stress/component.js";
import {
  postgresqlChannelFactory,
  postgresqlUnavailable,
  sqliteChannelFactory,
  sqliteUnavailable,
} from "./database-subjects.js";
import { fileRollBench } from "./file-roll-bench.js";
import { logHubSourceBench } from "./loghub-source-bench.js";
import { channelFactory, generatingSource, processor, router, sinkBench } from "./make-subjects.js";
import { kafkaChannelFactory, kafkaSinkBench, kafkaSourceBench, kafkaUnavailable } from "./kafka-subjects.js";
import { loghubBench } from "./loghub-bench.js";
import { netcatBench } from "./netcat-bench.js";
import type { ChannelSubject, ProcessorSubject, RouterSubject, SinkSubject, SourceSubject } from "./subjects.js";

/*
 * Every component and the behaviours it is put through: those of its role, which stand beside this file.
 * A new component is a new line here.
 */

const quick = { backoffSleepIncrement: 1, maxBackoffSleep: 2 };
const noFarSide = "nothing arrives anywhere that could fail";
const noByteCapacity = "as in Flume, bytes are limited by its disk alone";
const bytesNotAsked = {
  "refuses a batch beyond its limit of bytes for ever, headers counted": noByteCapacity,
  "makes a put wait for bytes as for events": noByteCapacity,
  "says that it is full of bytes": noByteCapacity,
  "gives every byte back, however a put or a take ends": noByteCapacity,
};
const topicIsNeverFull = "a topic has no limit; there is one for what is on its way to the broker";
const commitsInOrder = "a put is not sent before those admitted before it, whoever commits first";
const cannotReplay = "its sender is told FAILED and may send again";

export const sources: readonly SourceSubject[] = [
  { name: "seq", bench: () => generatingSource(seq, { batchSize: 2, ...quick }) },
  {
    name: "stress",
    bench: () => generatingSource(stress, { batchSize: 2, ...quick }),
    notAsked: { "delivers again what was rejected, without a gap": "all its events are the same" },
  },
  {
    name: "netcat",
    bench: netcatBench,
    notAsked: {
      "delivers again what was rejected, without a gap": cannotReplay,
      "tells of a rejection, and when it is over": cannotReplay,
    },
  },
  { name: "kafka", bench: kafkaSourceBench, unavailable: kafkaUnavailable },
  { name: "loghub", bench: logHubSourceBench },
];

export const channels: readonly ChannelSubject[] = [
  { name: "memory", factory: () => channelFactory(memory) },
  {
    name: "file",
    factory: () => channelFactory(file, () => ({ minimumRequiredSpace: 1_048_576 })),
    notAsked: bytesNotAsked,
  },
  {
    name: "database, SQLite",
    factory: sqliteChannelFactory,
    unavailable: sqliteUnavailable,
    notAsked: bytesNotAsked,
  },
  {
    name: "database, PostgreSQL",
    factory: postgresqlChannelFactory,
    unavailable: postgresqlUnavailable,
    notAsked: bytesNotAsked,
  },
  {
    name: "spillable, with no overflow",
    factory: () =>
      channelFactory(spillable, (_folder, { capacity, keepAlive }) => ({
        memoryCapacity: capacity,
        overflowCapacity: 0,
        overflowTimeout: keepAlive,
      })),
  },
  {
    name: "spillable, with nothing in memory",
    factory: () =>
      channelFactory(spillable, (_folder, { capacity, keepAlive }) => ({
        memoryCapacity: 0,
        overflowCapacity: capacity,
        overflowTimeout: keepAlive,
        minimumRequiredSpace: 1_048_576,
      })),
    notAsked: bytesNotAsked,
  },
  {
    name: "kafka",
    factory: kafkaChannelFactory,
    unavailable: kafkaUnavailable,
    notAsked: {
      "makes a put wait while it is full, for its keep-alive, and then refuses it": topicIsNeverFull,
      "lets a put that waits in as soon as there is room, which a commit makes and a rollback does not":
        topicIsNeverFull,
      "never lets a small put overtake a large one that waits": topicIsNeverFull,
      "lets the small put in once the large one before it has given up": topicIsNeverFull,
      "withdraws a put that waits when its signal aborts, and keeps nothing of it": topicIsNeverFull,
      "admits at once or not at all when the signal has aborted before": topicIsNeverFull,
      "refuses a batch beyond its limit of bytes for ever, headers counted": topicIsNeverFull,
      "makes a put wait for bytes as for events": topicIsNeverFull,
      "says that it is full of bytes": topicIsNeverFull,
      "gives every byte back, however a put or a take ends": topicIsNeverFull,
      "gives room back once, though a put is aborted twice": topicIsNeverFull,
      "refuses puts once stopped, those that wait too, and takes them again when started again": topicIsNeverFull,
      "makes the others keep nothing of a fan-out that it refuses": topicIsNeverFull,
      "holds nobody up where it is optional and full; what it misses is counted": topicIsNeverFull,
      "keeps the order of admission whatever the order of commits": commitsInOrder,
      "gives nothing that is not committed, and nothing from behind it": commitsInOrder,
      "goes on behind a put that was aborted": commitsInOrder,
      "gives at most the events asked for, the rest next, across puts of any size": "a take ends where a fetch ends",
    },
  },
];

export const sinks: readonly SinkSubject[] = [
  {
    name: "null",
    bench: () => sinkBench(nullSink),
    notAsked: {
      "refuses to write while it is stopped": "it has nothing to open, and forgets events in any state",
      "says what may be kept when a write fails, and writes the same batch once it can": noFarSide,
    },
  },
  {
    name: "logger",
    bench: () => sinkBench(logger),
    notAsked: {
      "refuses to write while it is stopped": "the log that it writes to is always there",
      "says what may be kept when a write fails, and writes the same batch once it can": noFarSide,
    },
  },
  { name: "file roll", bench: fileRollBench },
  { name: "kafka", bench: kafkaSinkBench, unavailable: kafkaUnavailable },
  { name: "loghub", bench: loghubBench },
];

export const processors: readonly ProcessorSubject[] = [
  { name: "failover", bench: processor({ processor: "failover" }) },
  { name: "load balance, round robin", bench: processor({ processor: "load_balance" }) },
  {
    name: "load balance, random, back-off",
    bench: processor({ processor: "load_balance", selector: "random", backoff: true }),
  },
  { name: "compete", bench: processor({ processor: "compete" }) },
];

const twoChannels = { channels: [{ values: "1,2", isDefault: true }, { values: "3" }] };

export const routers: readonly RouterSubject[] = [
  {
    name: "interceptors",
    bench: router(interceptors, 1, { rules: [{ type: "static" }, { type: "uuid" }, { type: "host" }] }),
  },
  { name: "replicating selector", bench: router(selector, 2, { selector: "replicating", ...twoChannels }) },
  { name: "multiplexing selector", bench: router(selector, 2, { selector: "multiplexing", ...twoChannels }) },
  { name: "load balancing selector", bench: router(selector, 2, { selector: "load_balancing", ...twoChannels }) },
];
