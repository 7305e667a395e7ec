import { copyJson, looksEmbedded } from "./embedded-json.js";
import { type GroupFields, type GroupParts, TIME_FIELD } from "./group-fields.js";
import { jsonStringRoom, MOST_ESCAPED, writeJsonString } from "./json-value.js";
import { COUNTED_ROOM, type LogBody } from "./log-body.js";
import { type LogFields, STRIDE, VALUE_END, VALUE_START } from "./log-fields.js";

const [OPEN, CLOSE, COMMA] = [0x7b, 0x7d, 0x2c];

/** As the JSON deserializer of Log Service's Flume plugin: aliyun-log-flume 1.9, JSONEventDeserializer. */
export interface JsonForm {
  readonly kind: "json";
  /** A value that is JSON (an object, a list, null) is embedded as such, not as a text. */
  readonly autoDetectJSONFields: boolean;
  /** Adds `__time__`: a text of seconds. */
  readonly timeAsField: boolean;
  /** Adds `__tag__:…`, `__topic__`, `__source__`, where the group has them. They win over keys of the log. */
  readonly groupFields: GroupParts;
}

/**
 * One object for each log. Keys stand in the order of the log, then `__time__`, then what the group has; of two with one
 * name the later stays. Values are texts, unless they are embedded.
 */
export class JsonBody implements LogBody {
  readonly #form: JsonForm;
  /** What the group adds to each of its logs, each part with a comma before it. */
  #suffix: Buffer = Buffer.alloc(0);

  constructor(form: JsonForm) {
    this.#form = form;
  }

  column(): number {
    return -1;
  }

  beginGroup(group: GroupFields): readonly string[] {
    const { groupFields, timeAsField } = this.#form;
    const taken = timeAsField ? [TIME_FIELD] : [];
    let suffix = "";
    group.each(groupFields, (name, value) => {
      taken.push(name);
      suffix += `,${JSON.stringify(name)}:${JSON.stringify(value)}`;
    });
    this.#suffix = Buffer.from(suffix);
    return taken;
  }

  room({ bytes, places, count, valueBytes, nameBytes }: LogFields): number {
    const rest = nameBytes + this.#suffix.length + 64;
    // Comma and quotes for each, and the worst of each byte.
    if (valueBytes <= COUNTED_ROOM) return rest + 3 * count + MOST_ESCAPED * valueBytes;
    let room = rest + count;
    for (let i = 0; i < count; i++) {
      const place = i * STRIDE;
      room += jsonStringRoom(bytes, places[place + VALUE_START] as number, places[place + VALUE_END] as number);
    }
    return room;
  }

  write(log: LogFields, _timestamp: number, target: Buffer, start: number): number {
    const { bytes, places, names, count } = log;
    const { autoDetectJSONFields } = this.#form;
    let at = start;
    // Each field begins with a comma; the first of them becomes the bracket.
    for (let i = 0; i < count; i++) {
      const name = names[i];
      if (name === undefined) continue;
      target[at++] = COMMA;
      const { prefix } = name;
      const { length } = prefix;
      for (let j = 0; j < length; j++) target[at + j] = prefix[j] as number;
      at += length;
      const place = i * STRIDE;
      const from = places[place + VALUE_START] as number;
      const to = places[place + VALUE_END] as number;
      if (autoDetectJSONFields && looksEmbedded(bytes, from, to)) {
        const end = copyJson(bytes, from, to, target, at);
        at = end >= 0 ? end : writeJsonString(bytes, from, to, target, at);
      } else {
        at = writeJsonString(bytes, from, to, target, at);
      }
    }
    if (this.#form.timeAsField) at += target.write(`,"${TIME_FIELD}":"${log.time}"`, at);
    if (this.#suffix.length > 0) at += this.#suffix.copy(target, at);
    if (at === start) at++;
    target[start] = OPEN;
    target[at++] = CLOSE;
    return at;
  }
}
