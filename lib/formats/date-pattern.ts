/** What a pattern has found in a text so far. */
interface Fields {
  year?: number;
  month?: number;
  day?: number;
  hour?: number;
  minute?: number;
  second?: number;
  millisecond?: number;
  /** 0 or 12, for hours of a half day. */
  half?: number;
  /** Minutes east of Greenwich. */
  offset?: number;
}

/** Reads one piece of the text at `at` into `fields`; gives where it ended, or -1. */
type Piece = (text: string, at: number, fields: Fields) => number;

const MONTHS = "january february march april may june july august september october november december".split(" ");
const DAYS = "sunday monday tuesday wednesday thursday friday saturday".split(" ");
/** Joda's year for texts that have a month or a day but none. */
const YEAR_WITHOUT = 2000;

/**
 * A parser for times as Joda-Time's patterns describe them, in the usual letters: `y Y M d H h K k m s S a E Z`,
 * English names of months and days, text in quotes. Without a `Z` the time is local. Gives milliseconds since 1970.
 * @throws Error (at once) for a letter that is not known; the parser throws for a text that does not fit.
 */
export function datePattern(pattern: string): (text: string) => number {
  const pieces = readPieces(pattern);
  return (text) => {
    const fields: Fields = {};
    let at = 0;
    for (const piece of pieces) {
      at = piece(text, at, fields);
      if (at < 0) break;
    }
    const time = at === text.length ? timeOf(fields) : NaN;
    if (Number.isNaN(time)) throw new Error(`"${text}" is not a time of the form ${pattern}`);
    return time;
  };
}

function readPieces(pattern: string): readonly Piece[] {
  if (pattern === "") throw new Error("the pattern of the time is empty");
  const tokens = [...pattern.matchAll(/'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'/g)];
  return tokens.map((token, i) => {
    const [whole, quoted, letter] = token;
    if (quoted !== undefined) return literal(quoted === "" ? "'" : quoted.replaceAll("''", "'"));
    if (letter === undefined) return literal(whole);
    // yyyyMMdd: where digits follow at once, a field has no more of them than letters.
    return field(letter, whole.length, /^[yYdHhKkmsS]|^M{1,2}(?!M)/.test(tokens[i + 1]?.[0] ?? ""));
  });
}

function literal(wanted: string): Piece {
  return (text, at) => (text.startsWith(wanted, at) ? at + wanted.length : -1);
}

function field(letter: string, count: number, digitsFollow: boolean): Piece {
  switch (letter) {
    case "y":
    case "Y":
      return year(count, digitsFollow);
    case "M":
      return count > 2 ? name(MONTHS, (fields, i) => (fields.month = i + 1)) : digits(2, 1, 12, "month");
    case "d":
      return digits(2, 1, 31, "day");
    case "H":
      return digits(2, 0, 23, "hour");
    case "k":
      return digits(2, 1, 24, "hour", (value) => value % 24);
    case "K":
      return digits(2, 0, 11, "hour");
    case "h":
      return digits(2, 1, 12, "hour", (value) => value % 12);
    case "m":
      return digits(2, 0, 59, "minute");
    case "s":
      return digits(2, 0, 59, "second");
    case "S":
      return fraction(count);
    case "a":
      return name(["am", "pm"], (fields, i) => (fields.half = i * 12));
    case "E":
      return name(DAYS, () => undefined);
    case "Z":
      return offset;
    default:
      throw new Error(`the letter ${letter} of the time's pattern is not known`);
  }
}

function digits(
  most: number,
  from: number,
  to: number,
  field: keyof Fields,
  convert = (value: number): number => value,
): Piece {
  return (text, at, fields) => {
    const end = digitsEnd(text, at, most);
    const value = Number(text.slice(at, end));
    if (end === at || value < from || value > to) return -1;
    fields[field] = convert(value);
    return end;
  };
}

function digitsEnd(text: string, at: number, most: number): number {
  let end = at;
  while (end < at + most && end < text.length && text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++;
  return end;
}

/** Two letters take two digits for a year of the hundred from 50 years ago; any other number of digits as it stands. */
function year(count: number, digitsFollow: boolean): Piece {
  return (text, at, fields) => {
    const end = digitsEnd(text, at, digitsFollow ? count : 9);
    if (end === at) return -1;
    const value = Number(text.slice(at, end));
    fields.year = count === 2 && end - at === 2 ? nearbyYear(value) : value;
    return end;
  };
}

function nearbyYear(lastTwo: number): number {
  const first = new Date().getFullYear() - 50;
  return first + ((((lastTwo - first) % 100) + 100) % 100);
}

/** Of a second: one to `count` digits. */
function fraction(count: number): Piece {
  return (text, at, fields) => {
    const end = digitsEnd(text, at, count);
    if (end === at) return -1;
    fields.millisecond = Math.floor(Number(`0.${text.slice(at, end)}`) * 1000 + 1e-9);
    return end;
  };
}

/** A name in full or, from three letters, short, in any case. */
function name(names: readonly string[], found: (fields: Fields, index: number) => unknown): Piece {
  return (text, at, fields) => {
    const rest = text.slice(at, at + 10).toLowerCase();
    for (const length of [10, 3]) {
      const index = names.findIndex((candidate) => rest.startsWith(candidate.slice(0, length)));
      if (index < 0) continue;
      found(fields, index);
      return at + (names[index] as string).slice(0, length).length;
    }
    return -1;
  };
}

const OFFSET = /Z|([+-])(\d\d):?(\d\d)/y;

function offset(text: string, at: number, fields: Fields): number {
  OFFSET.lastIndex = at;
  const found = OFFSET.exec(text);
  if (!found) return -1;
  const minutes = Number(found[2] ?? 0) * 60 + Number(found[3] ?? 0);
  fields.offset = found[1] === "-" ? -minutes : minutes;
  return at + found[0].length;
}

/** NaN when there is no such day. */
function timeOf(fields: Fields): number {
  const { month = 1, day = 1, minute = 0, second = 0, millisecond = 0 } = fields;
  const dated = fields.month !== undefined || fields.day !== undefined;
  const year = fields.year ?? (dated ? YEAR_WITHOUT : 1970);
  const hour = (fields.hour ?? 0) + (fields.half ?? 0);
  const utc = new Date(Date.UTC(2000, month - 1, day, hour, minute, second, millisecond));
  utc.setUTCFullYear(year, month - 1, day);
  if (utc.getUTCDate() !== day || utc.getUTCMonth() !== month - 1) return NaN;
  if (fields.offset !== undefined) return utc.getTime() - fields.offset * 60_000;
  const local = new Date(2000, month - 1, day, hour, minute, second, millisecond);
  local.setFullYear(year, month - 1, day);
  return local.getTime();
}
