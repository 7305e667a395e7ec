import type { EventBatch } from "../../engine/batch.js";
import { DelimitedBody, type DelimitedForm } from "./delimited-body.js";
import { FieldNames } from "./field-names.js";
import { GroupFields, GroupHeaders, type GroupParts } from "./group-fields.js";
import { JsonBody, type JsonForm } from "./json-body.js";
import { LogBatch } from "./log-batch.js";
import type { LogBody } from "./log-body.js";
import { LogFields } from "./log-fields.js";
import { brokenLogs, GROUP_LOG, LIST_GROUP, WireReader } from "./wire.js";

export interface LogEventForm {
  readonly body: JsonForm | DelimitedForm;
  /** The header `timestamp` is the time of the log, in whole seconds; else that of the conversion. Time_ns is not used. */
  readonly useRecordTime: boolean;
  /** Parts of the group that become headers, named `__tag__:…`, `__topic__`, `__source__`. */
  readonly headers: GroupParts;
}

/** Bodies of one batch, in bytes; a log that is larger is a batch of its own. It bounds what one step does. */
const BATCH_BYTES = 256 * 1024;
const SMALLEST_CHUNK = 4 * 1024;
/** What bodies take for each byte of LogGroups, before anything is known. */
const FIRST_GROWTH = 1.5;

/** Turns what a pull gave into events, one for each log. One object serves all shards of a source. */
export class LogEvents {
  readonly #form: LogEventForm;
  readonly #body: LogBody;
  readonly #names: FieldNames;
  readonly #parts: GroupParts;
  readonly #log = new LogFields();
  readonly #now: () => number;
  /** Bytes of bodies for each byte of LogGroups, of the last conversion. */
  #growth = FIRST_GROWTH;

  /** Throws FLUME_LOGHUB_SETTING for a delimited form that cannot be. */
  constructor(form: LogEventForm, now: () => number = Date.now) {
    const { body, headers } = form;
    this.#form = form;
    this.#now = now;
    this.#body = body.kind === "json" ? new JsonBody(body) : new DelimitedBody(body, now);
    this.#names = new FieldNames((key) => this.#body.column(key));
    const fields = body.kind === "json" ? body.groupFields : headers;
    this.#parts = {
      tags: headers.tags || fields.tags,
      topic: headers.topic || fields.topic,
      source: headers.source || fields.source,
    };
  }

  /**
   * The events of a LogGroupList (`PulledGroups.groups`) in batches of at most `mostEvents`. Each step takes a few
   * milliseconds at most, so that whoever takes the next one may ask `turnIsOver()` before. Throws
   * FLUME_LOGHUB_LOGS_BROKEN, which cannot happen with what `checkLogGroups` has let pass.
   */
  *batches(groups: Buffer, mostEvents: number): Generator<EventBatch, void, undefined> {
    const list = new WireReader(groups, 0, groups.length);
    const open = new OpenBatch(mostEvents);
    while (!list.done) {
      const tag = list.varint();
      if (tag !== LIST_GROUP) list.skip(tag);
      else {
        const from = list.span();
        yield* this.#group(groups, from, list.at, open);
      }
    }
    if (open.length > 0) yield open.take();
    if (groups.length > 0 && open.written > 0) this.#growth = open.written / groups.length;
  }

  *#group(bytes: Buffer, from: number, to: number, open: OpenBatch): Generator<EventBatch, void, undefined> {
    const log = this.#log;
    const body = this.#body;
    const names = this.#names;
    const { useRecordTime } = this.#form;
    const group = new GroupFields(bytes, from, to, this.#parts);
    const headers = new GroupHeaders(group, this.#form.headers);
    const begin = () => {
      names.beginGroup(body.beginGroup(group));
      open.beginGroup(headers);
    };
    begin();
    let now = this.#now();
    const reader = new WireReader(bytes, from, to);
    while (!reader.done) {
      const tag = reader.varint();
      if (tag !== GROUP_LOG) {
        reader.skip(tag);
        continue;
      }
      const start = reader.span();
      log.read(bytes, start, reader.at);
      names.resolve(log);
      const time = useRecordTime ? log.time * 1000 : now;
      let room = body.room(log);
      if (!open.fits(room)) {
        if (open.length > 0) {
          yield open.take();
          // What is kept from log to log is shared with the other shards, which may have had their turn meanwhile.
          begin();
          now = this.#now();
          log.read(bytes, start, reader.at);
          names.resolve(log);
          room = body.room(log);
        }
        open.makeRoom(room, (bytes.length - start) * this.#growth);
      }
      open.add(time, body.write(log, time, open.chunk, open.at));
    }
    if (reader.at !== to) throw brokenLogs(reader.at, "a group beyond its end");
  }
}

/** The batch that is being filled. Its chunk goes on to the next one while it has room. */
class OpenBatch {
  readonly #most: number;
  chunk: Buffer = Buffer.alloc(0);
  /** Where the next body goes. */
  at = 0;
  length = 0;
  /** Of all batches. */
  written = 0;
  #start = 0;
  #lastBytes = 0;
  #ends: number[] = [];
  #times: number[] = [];
  #groups: number[] = [];
  #headers: GroupHeaders[] = [];

  constructor(mostEvents: number) {
    this.#most = mostEvents;
  }

  beginGroup(headers: GroupHeaders): void {
    this.#headers.push(headers);
  }

  fits(room: number): boolean {
    return this.length < this.#most && this.chunk.length - this.at >= room && this.at - this.#start < BATCH_BYTES;
  }

  /** For an empty batch. `expected`: bytes that are still to come, about. */
  makeRoom(room: number, expected: number): void {
    // A batch like the last one shall fit, or it would be cut short.
    if (this.chunk.length - this.at >= Math.max(room, Math.min(this.#lastBytes, expected))) return;
    const usual = Math.min(Math.ceil(expected) + SMALLEST_CHUNK, BATCH_BYTES);
    this.chunk = Buffer.allocUnsafeSlow(Math.max(room, usual));
    this.at = 0;
    this.#start = 0;
  }

  add(time: number, end: number): void {
    this.written += end - this.at;
    this.at = end;
    this.#ends.push(end);
    this.#times.push(time);
    this.#groups.push(this.#headers.length - 1);
    this.length++;
  }

  take(): EventBatch {
    const batch = new LogBatch({
      bytes: this.chunk,
      start: this.#start,
      ends: Int32Array.from(this.#ends),
      times: Float64Array.from(this.#times),
      groups: Uint32Array.from(this.#groups),
      headers: this.#headers,
    });
    this.#lastBytes = this.at - this.#start;
    this.#start = this.at;
    this.length = 0;
    this.#ends = [];
    this.#times = [];
    this.#groups = [];
    this.#headers = [];
    return batch;
  }
}
