import { copyHeaders, headerBytes, type Headers, type MutableHeaders } from "../../engine/event.js";
import { KEY_END, KEY_START, readPair, STRIDE, VALUE_END, VALUE_START } from "./log-fields.js";
import { brokenLogs, GROUP_LOG, GROUP_SOURCE, GROUP_TAG, GROUP_TOPIC, WireReader } from "./wire.js";

/** The names that Log Service's own tools give to what a group has besides its logs. */
export const TOPIC_FIELD = "__topic__";
export const SOURCE_FIELD = "__source__";
export const TAG_FIELD = "__tag__:";
export const TIME_FIELD = "__time__";

/** Which of them are wanted. */
export interface GroupParts {
  readonly tags: boolean;
  readonly topic: boolean;
  readonly source: boolean;
}

/** What the logs of one LogGroup share. They stand behind the logs, so this is read before the logs are. */
export class GroupFields {
  /** UTF-8, what is not replaced by U+FFFD; undefined where the group has none. */
  readonly topic: string | undefined;
  readonly source: string | undefined;
  /** Of two tags with one key the later counts. */
  readonly tags: ReadonlyMap<string, string>;

  /** Reads the group between `from` and `to`, only those parts that are wanted. Throws FLUME_LOGHUB_LOGS_BROKEN. */
  constructor(bytes: Buffer, from: number, to: number, wanted: GroupParts) {
    const reader = new WireReader(bytes, from, to);
    const tags = new Map<string, string>();
    let topic: string | undefined;
    let source: string | undefined;
    while (!reader.done) {
      const tag = reader.varint();
      if (tag === GROUP_LOG) reader.span();
      else if (tag === GROUP_TOPIC && wanted.topic) topic = bytes.toString("utf8", reader.span(), reader.at);
      else if (tag === GROUP_SOURCE && wanted.source) source = bytes.toString("utf8", reader.span(), reader.at);
      else if (tag === GROUP_TAG && wanted.tags) addTag(bytes, reader.span(), reader.at, tags);
      else reader.skip(tag);
    }
    if (reader.at !== to) throw brokenLogs(reader.at, "a group beyond its end");
    this.topic = topic;
    this.source = source;
    this.tags = tags;
  }

  /** Calls `add` for each part that is wanted and there, under the name that Log Service's tools give it. */
  each(wanted: GroupParts, add: (name: string, value: string) => void): void {
    if (wanted.source && this.source !== undefined) add(SOURCE_FIELD, this.source);
    if (wanted.topic && this.topic !== undefined) add(TOPIC_FIELD, this.topic);
    if (wanted.tags) for (const [key, value] of this.tags) add(TAG_FIELD + key, value);
  }
}

function addTag(bytes: Buffer, from: number, to: number, tags: Map<string, string>): void {
  const place = new Int32Array(STRIDE);
  readPair(bytes, from, to, place, 0);
  const key = bytes.toString("utf8", place[KEY_START], place[KEY_END]);
  tags.set(key, bytes.toString("utf8", place[VALUE_START], place[VALUE_END]));
}

const TIMESTAMP = "timestamp";
/** Milliseconds since 1970 have 13 digits from 2001 to 2286. */
const TIMESTAMP_BYTES = TIMESTAMP.length + 13;

/** The headers of a group's events. Events share them where they are the same: nobody changes headers in place. */
export class GroupHeaders {
  readonly #fixed: MutableHeaders = copyHeaders();
  /** What the headers of one event count. */
  readonly bytes: number;
  #time = -1;
  #last: Headers | undefined;

  constructor(group: GroupFields, wanted: GroupParts) {
    group.each(wanted, (name, value) => (this.#fixed[name] = value));
    this.bytes = TIMESTAMP_BYTES + headerBytes(this.#fixed);
  }

  /** `time`: milliseconds since 1970. */
  at(time: number): Headers {
    if (this.#last && this.#time === time) return this.#last;
    const headers = copyHeaders(this.#fixed);
    headers[TIMESTAMP] = String(time);
    this.#time = time;
    this.#last = headers;
    return headers;
  }
}
