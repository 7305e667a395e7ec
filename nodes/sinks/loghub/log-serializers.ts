import { HeadraceError, reasonOf } from "../../../lib/engine/errors.js";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { FlumeEvent } from "../../../lib/engine/event.js";
import { BoundedMatching, type MatchedBatch } from "../../../lib/engine/matching/bounded-matching.js";
import { compileWholePattern } from "../../../lib/engine/pattern.js";
import { datePattern } from "../../../lib/formats/date-pattern.js";
import { isLogTime, type LogField } from "../../../lib/formats/log-groups/log-group-writer.js";
import type { LogHubSinkSettings } from "./component.js";
import { namesIn, oneCharacter, readCells } from "./delimited-cells.js";

/** What an event becomes. */
export interface SerializedLog {
  readonly fields: readonly LogField[];
  /** Seconds since 1970, where the body tells. */
  readonly time?: number | undefined;
}

/** What the event at a place of a batch becomes. Throws FLUME_LOGHUB_BODY, FLUME_REGEX_TOO_SLOW for one that cannot become a log. */
export type LogMaker = (event: FlumeEvent, index: number) => SerializedLog;

/** Gets ready for a batch. */
export type LogSerializer = (batch: EventBatch) => LogMaker | Promise<LogMaker>;

type Pair = readonly [name: string, value: string];

/** As the serializers of Log Service's Flume plugin (aliyun-log-flume 1.9). Throws FLUME_LOGHUB_SETTING. */
export function logSerializer(settings: LogHubSinkSettings): LogSerializer {
  if (settings.serializer === "REGEX") return regex(settings);
  const make = oneByOne(settings.serializer, settings);
  return () => make;
}

function oneByOne(serializer: "SIMPLE" | "DELIMITED" | "JSON", settings: LogHubSinkSettings): LogMaker {
  switch (serializer) {
    case "SIMPLE":
      return simple(settings);
    case "DELIMITED":
      return delimited(settings);
    case "JSON":
      return json(settings);
  }
}

function simple({ fieldName, encoding }: LogHubSinkSettings): LogMaker {
  const key = Buffer.from(fieldName);
  const decoder = /^utf-?8$/i.test(encoding) ? undefined : new TextDecoder(encoding);
  return ({ body }) => ({ fields: [[key, decoder ? Buffer.from(decoder.decode(body)) : body]] });
}

/** In Flume's plugin this column holds the time of the log, in seconds. */
const TIME_COLUMN = "timestamp";

function delimited(settings: LogHubSinkSettings): LogMaker {
  const columns = namesIn("columns", settings.columns);
  const marks = {
    separator: oneCharacter("separatorChar", settings.separatorChar),
    quote: settings.quoteChar === "" ? "" : oneCharacter("quoteChar", settings.quoteChar),
    escape: settings.escapeChar === "" ? "" : oneCharacter("escapeChar", settings.escapeChar),
  };
  const timeColumn = settings.useRecordTime ? columns.indexOf(TIME_COLUMN) : -1;
  return ({ body }) => {
    const cells = readCells(body.toString(), marks);
    const pairs: Pair[] = [];
    for (const [i, name] of columns.entries()) {
      const cell = cells[i];
      if (cell !== undefined && i !== timeColumn) pairs.push([name, cell]);
    }
    const time = cells[timeColumn];
    return { fields: fieldsOf(pairs), time: time === undefined ? undefined : epoch(time, TIME_COLUMN) };
  };
}

function json({ timeField, timeFormat }: LogHubSinkSettings): LogMaker {
  const timeOf = timeReader(timeFormat);
  return ({ body }) => {
    const pairs = jsonPairs(body.toString());
    const text = timeField === "" ? undefined : pairs.find(([name]) => name === timeField)?.[1];
    return { fields: fieldsOf(pairs), time: text === undefined ? undefined : timeOf(text, timeField) };
  };
}

function regex(settings: LogHubSinkSettings): LogSerializer {
  const { timeField, timeFormat } = settings;
  const names = namesIn("fieldNames", settings.fieldNames);
  const expanded = new Set(settings.expandJsonKeys === "" ? [] : namesIn("expandJsonKeys", settings.expandJsonKeys));
  const pattern = compileWholePattern(settings.regex);
  const timeOf = timeReader(timeFormat);
  const matching = new BoundedMatching<RegExpExecArray | null, Matches>(pattern, {
    text: (matches, index) => matches.text(index),
    match: (text) => pattern.exec(text),
    apply: (matches, index, found) => matches.found.set(index, found),
  });
  const make = (found: RegExpExecArray | null, text: string): SerializedLog => {
    if (!found) return { fields: fieldsOf([["content", text]]) };
    const pairs: Pair[] = [];
    let time: number | undefined;
    for (const [i, name] of names.entries()) {
      const value = found[i + 1];
      if (value === undefined) continue;
      if (name === timeField) time = timeOf(value, name);
      if (expanded.has(name)) pairs.push(...jsonPairs(value));
      else pairs.push([name, value]);
    }
    return { fields: fieldsOf(pairs), time };
  };
  return async (batch) => {
    const matches = new Matches(batch);
    await matching.run(matches);
    return (_event, index) => make(matches.of(index), matches.text(index));
  };
}

/** What a pattern has found in the bodies of a batch. */
class Matches implements MatchedBatch {
  readonly #texts: string[];
  readonly found = new Map<number, RegExpExecArray | null>();
  readonly #refused = new Map<number, HeadraceError>();

  constructor(batch: EventBatch) {
    this.#texts = Array.from(batch, ({ body }) => body.toString());
  }

  get length(): number {
    return this.#texts.length;
  }

  text(index: number): string {
    return this.#texts[index] as string;
  }

  refuse(index: number, error: HeadraceError): void {
    this.#refused.set(index, error);
  }

  /** Throws what the event was refused for. */
  of(index: number): RegExpExecArray | null {
    const refusal = this.#refused.get(index);
    if (refusal) throw refusal;
    return this.found.get(index) ?? null;
  }
}

/** The keys of an object; values that are no texts as JSON writes them. */
function jsonPairs(text: string): Pair[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unusable(reasonOf(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unusable("it is no JSON object");
  return Object.entries(value).map(([name, one]: [string, unknown]) => [
    name,
    typeof one === "string" ? one : JSON.stringify(one),
  ]);
}

const names = new Map<string, Buffer>();
/** Names come from settings and from keys of JSON; those may be many. */
const MOST_NAMES = 1000;

function fieldsOf(pairs: readonly Pair[]): LogField[] {
  return pairs.map(([name, value]) => {
    let key = names.get(name);
    if (!key) {
      key = Buffer.from(name);
      if (names.size < MOST_NAMES) names.set(name, key);
    }
    return [key, Buffer.from(value)];
  });
}

type TimeReader = (text: string, field: string) => number;

/** Times without a zone are those of this machine. */
function timeReader(format: string): TimeReader {
  if (format === "epoch") return epoch;
  let parse: (text: string) => number;
  try {
    parse = datePattern(format);
  } catch (error) {
    throw new HeadraceError("FLUME_LOGHUB_SETTING", {
      field: "timeFormat",
      value: format,
      wanted: `epoch or a pattern such as yyyy-MM-dd HH:mm:ss (${reasonOf(error)})`,
    });
  }
  return (text, field) => {
    let seconds: number;
    try {
      seconds = Math.floor(parse(text) / 1000);
    } catch (error) {
      throw unusable(`${field}: ${reasonOf(error)}`);
    }
    if (isLogTime(seconds)) return seconds;
    throw unusable(`${field} is "${text.slice(0, 40)}", which is no time that a log can have`);
  };
}

function epoch(text: string, field: string): number {
  if (/^\s*\d{1,10}\s*$/.test(text) && isLogTime(Number(text))) return Number(text);
  throw unusable(`${field} is "${text.slice(0, 40)}", which is no time in seconds`);
}

function unusable(reason: string): HeadraceError {
  return new HeadraceError("FLUME_LOGHUB_BODY", { reason });
}
