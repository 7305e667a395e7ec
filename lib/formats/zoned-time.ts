/** A time zone by what it adds to UTC. Needs nothing of Node.js: the dialogs use it too. */
export interface TimeZone {
  /** Milliseconds to add to UTC at a moment, given in milliseconds since 1970. */
  offsetAt(time: number): number;
}

/** The zone of this machine. */
export const LOCAL_ZONE: TimeZone = { offsetAt: (time) => -new Date(time).getTimezoneOffset() * 60_000 };

/** Java's three-letter names that stand for a place (java.time.ZoneId.SHORT_IDS) or a fixed offset. */
const JAVA_NAMES: Readonly<Record<string, string>> = {
  ACT: "Australia/Darwin",
  AET: "Australia/Sydney",
  AGT: "America/Argentina/Buenos_Aires",
  ART: "Africa/Cairo",
  AST: "America/Anchorage",
  BET: "America/Sao_Paulo",
  BST: "Asia/Dhaka",
  CAT: "Africa/Harare",
  CNT: "America/St_Johns",
  CST: "America/Chicago",
  CTT: "Asia/Shanghai",
  EAT: "Africa/Addis_Ababa",
  ECT: "Europe/Paris",
  EST: "GMT-5",
  HST: "GMT-10",
  IET: "America/Indiana/Indianapolis",
  IST: "Asia/Kolkata",
  JST: "Asia/Tokyo",
  MIT: "Pacific/Apia",
  MST: "GMT-7",
  NET: "Asia/Yerevan",
  NST: "Pacific/Auckland",
  PLT: "Asia/Karachi",
  PNT: "America/Phoenix",
  PRT: "America/Puerto_Rico",
  PST: "America/Los_Angeles",
  SST: "Pacific/Guadalcanal",
  VST: "Asia/Ho_Chi_Minh",
};

/**
 * A zone by the names that Java knows: `Asia/Shanghai`, `UTC`, `GMT+8`, `GMT+08:00`, `PST`; empty for that of this
 * machine. Undefined for a name that is none, where Java would take UTC without a word.
 */
export function timeZone(name: string): TimeZone | undefined {
  const wanted = name.trim();
  if (wanted === "") return LOCAL_ZONE;
  return fixedOffset(JAVA_NAMES[wanted] ?? wanted) ?? namedZone(JAVA_NAMES[wanted] ?? wanted);
}

/** java.util.TimeZone: `GMT Sign Hours [: Minutes]` or `GMT Sign Hours Minutes`, hours up to 23. */
function fixedOffset(name: string): TimeZone | undefined {
  const match = /^(?:GMT|UTC)?([+-])(\d|[01]\d|2[0-3])(?::?([0-5]\d))?$/.exec(name);
  if (!match) return undefined;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  const offset = (match[1] === "-" ? -minutes : minutes) * 60_000;
  return { offsetAt: () => offset };
}

/** No zone changes its offset within a quarter of an hour. */
const SPAN = 15 * 60_000;
const MOST_REMEMBERED = 4096;

function namedZone(name: string): TimeZone | undefined {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    return undefined;
  }
  // Asking Intl takes microseconds, and events come by the hundred thousand.
  const remembered = new Map<number, number>();
  return {
    offsetAt(time) {
      const span = Math.floor(time / SPAN);
      const known = remembered.get(span);
      if (known !== undefined) return known;
      if (remembered.size >= MOST_REMEMBERED) remembered.clear();
      const offset = offsetByIntl(format, span * SPAN);
      remembered.set(span, offset);
      return offset;
    },
  };
}

function offsetByIntl(format: Intl.DateTimeFormat, time: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(time)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(time / 1000) * 1000;
}

export const ROUND_UNITS = ["second", "minute", "hour"] as const;

/** Flume's rounding of timestamps: down to a multiple of `value` within the minute, the hour or the day. */
export interface Rounding {
  readonly unit: (typeof ROUND_UNITS)[number];
  /** Seconds and minutes: 1 to 60; hours: 1 to 24. */
  readonly value: number;
}

/** Milliseconds of a unit, and how many of it make the next larger one. */
const UNITS = { second: [1000, 60], minute: [60_000, 60], hour: [3_600_000, 24] } as const;

/** Whether Flume takes this rounding. */
export function isRounding({ unit, value }: Rounding): boolean {
  return value >= 1 && value <= UNITS[unit][1];
}

/** TimestampRoundDownUtil of Flume: a floor in the time of the zone. */
export function roundDown(time: number, { unit, value }: Rounding, zone: TimeZone): number {
  const [size, count] = UNITS[unit];
  const offset = zone.offsetAt(time);
  const local = time + offset;
  const whole = Math.floor(local / size);
  const within = ((whole % count) + count) % count;
  const rounded = (whole - (within % value)) * size;
  // A change of the clocks between the two moments.
  return rounded - zone.offsetAt(rounded - offset);
}
