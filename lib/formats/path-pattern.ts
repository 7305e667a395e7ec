import { HeadraceError } from "../engine/errors.js";
import type { Headers } from "../engine/event.js";
import { dateLetter } from "./date-letters.js";
import { type Rounding, roundDown, type TimeZone } from "./zoned-time.js";

/** Names of this machine for `%[localhost]`, `%[IP]` and `%[FQDN]`. */
export interface HostNames {
  readonly localhost: string;
  readonly IP: string;
  readonly FQDN: string;
}

export interface PatternOptions {
  readonly zone: TimeZone;
  readonly rounding: Rounding | undefined;
  readonly hosts: HostNames;
}

/** BucketPath.TAG_REGEX of Flume: `%x`, `%%`, `%{header}`, `%[host]`. */
const ESCAPE = /%([\w%])|%\{([\w.-]+)\}|%\[(\w+)\]/g;

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "letter"; readonly letter: string }
  | { readonly kind: "timestamp" };

/**
 * A text with Flume's escapes (org.apache.flume.formatter.output.BucketPath), read once. Pure: the preview in the
 * dialog is this same code.
 */
export class PathPattern {
  /** Whether it needs the time of the event. */
  readonly usesTime: boolean;
  readonly usesHeaders: boolean;
  /** What stands before the first escape. */
  readonly literalStart: string;
  readonly #parts: readonly Part[];
  readonly #options: PatternOptions;
  // Everything that follows the clock is the same for all events of a second.
  #second = Number.NaN;
  #letters: readonly string[] = [];

  /** @throws HeadraceError FLUME_ESCAPE_UNKNOWN for a `%[name]` that does not exist */
  constructor(pattern: string, options: PatternOptions) {
    this.#options = options;
    this.#parts = partsOf(pattern, options.hosts);
    this.usesTime = this.#parts.some(({ kind }) => kind === "letter" || kind === "timestamp");
    this.usesHeaders = this.#parts.some(({ kind }) => kind === "header");
    const [first] = this.#parts;
    this.literalStart = first?.kind === "text" ? first.text : "";
  }

  /**
   * The text for one event. `now`: its time in milliseconds where the clock is used instead of the header `timestamp`.
   * @throws HeadraceError FLUME_TIMESTAMP_MISSING or FLUME_TIMESTAMP_INVALID
   */
  resolve(headers: Headers, now: number | undefined): string {
    const parts = this.#parts;
    if (parts.length === 0) return "";
    const timestamp = this.usesTime ? (now ?? timestampOf(headers)) : 0;
    const letters = this.usesTime ? this.#lettersAt(timestamp) : this.#letters;
    let out = "";
    let letter = 0;
    for (const part of parts) {
      if (part.kind === "text") out += part.text;
      else if (part.kind === "header") out += headers[part.name] ?? "";
      else if (part.kind === "letter") out += letters[letter++];
      // Before rounding, and as it was written.
      else out += now === undefined ? headers["timestamp"] : String(now);
    }
    return out;
  }

  #lettersAt(timestamp: number): readonly string[] {
    const second = Math.floor(timestamp / 1000);
    if (second === this.#second) return this.#letters;
    const { rounding, zone } = this.#options;
    const time = rounding ? roundDown(timestamp, rounding, zone) : timestamp;
    const letters: string[] = [];
    for (const part of this.#parts) if (part.kind === "letter") letters.push(dateLetter(part.letter, time, zone));
    this.#second = second;
    this.#letters = letters;
    return letters;
  }
}

function partsOf(pattern: string, hosts: HostNames): Part[] {
  const parts: Part[] = [];
  let text = "";
  let end = 0;
  const add = (part: Part) => {
    if (text !== "") parts.push({ kind: "text", text });
    text = "";
    parts.push(part);
  };
  for (const match of pattern.matchAll(ESCAPE)) {
    text += pattern.slice(end, match.index);
    end = match.index + match[0].length;
    const [, letter, header, host] = match;
    if (header !== undefined) add({ kind: "header", name: header });
    else if (host !== undefined) text += hostName(host, hosts);
    else if (letter === "%") text += "%";
    else if (letter === "t") add({ kind: "timestamp" });
    else add({ kind: "letter", letter: letter as string });
  }
  text += pattern.slice(end);
  if (text !== "") parts.push({ kind: "text", text });
  return parts;
}

function hostName(name: string, hosts: HostNames): string {
  if (name === "localhost" || name === "IP" || name === "FQDN") return hosts[name];
  throw new HeadraceError("FLUME_ESCAPE_UNKNOWN", { escape: `%[${name}]` });
}

/** Milliseconds since 1970, as the timestamp interceptor and Flume's clients write them. */
function timestampOf(headers: Headers): number {
  const value = headers["timestamp"];
  if (value === undefined) throw new HeadraceError("FLUME_TIMESTAMP_MISSING");
  const time = /^[+-]?\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  // The range of dates that can be written.
  if (!(Math.abs(time) <= 8.64e15 - 86_400_000))
    throw new HeadraceError("FLUME_TIMESTAMP_INVALID", { value: value.slice(0, 100) });
  return time;
}
