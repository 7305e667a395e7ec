import type { TimeZone } from "./zoned-time.js";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;

const two = (value: number) => String(value).padStart(2, "0");
const year = (date: Date) => String(date.getUTCFullYear()).padStart(4, "0");
const hourOfHalfDay = (date: Date) => date.getUTCHours() % 12 || 12;
const dayName = (date: Date) => DAYS[date.getUTCDay()] as string;
const monthName = (date: Date) => MONTHS[date.getUTCMonth()] as string;
const clock = (date: Date) => `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;

/** Given a date whose UTC fields show the time of the zone, and the offset of the zone in milliseconds. */
type Letter = (local: Date, offset: number) => string;

/**
 * Flume's letters of a date (BucketPath.replaceShorthand), each as java.text.SimpleDateFormat writes it in English:
 * in Flume the language of names is that of the machine.
 */
const LETTERS: Readonly<Record<string, Letter>> = {
  a: (date) => dayName(date).slice(0, 3),
  A: dayName,
  b: (date) => monthName(date).slice(0, 3),
  B: monthName,
  c: (date) =>
    `${dayName(date).slice(0, 3)} ${monthName(date).slice(0, 3)} ${date.getUTCDate()} ${clock(date)} ${year(date)}`,
  d: (date) => two(date.getUTCDate()),
  D: (date) => `${two(date.getUTCMonth() + 1)}/${two(date.getUTCDate())}/${year(date).slice(-2)}`,
  e: (date) => String(date.getUTCDate()),
  H: (date) => two(date.getUTCHours()),
  I: (date) => two(hourOfHalfDay(date)),
  j: (date) => String(dayOfYear(date)).padStart(3, "0"),
  k: (date) => String(date.getUTCHours()),
  l: (date) => String(hourOfHalfDay(date)),
  m: (date) => two(date.getUTCMonth() + 1),
  M: (date) => two(date.getUTCMinutes()),
  n: (date) => String(date.getUTCMonth() + 1),
  p: (date) => (date.getUTCHours() < 12 ? "AM" : "PM"),
  S: (date) => two(date.getUTCSeconds()),
  s: (date, offset) => String(Math.floor((date.getTime() - offset) / 1000)),
  y: (date) => year(date).slice(-2),
  Y: year,
  z: (_, offset) => {
    const minutes = Math.abs(offset) / 60_000;
    return `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${two(Math.floor(minutes % 60))}`;
  },
};

/** What a letter gives at a time, in milliseconds since 1970; nothing for a letter that Flume does not know. */
export function dateLetter(letter: string, time: number, zone: TimeZone): string {
  const offset = zone.offsetAt(time);
  return LETTERS[letter]?.(new Date(time + offset), offset) ?? "";
}

function dayOfYear(date: Date): number {
  const first = Date.UTC(date.getUTCFullYear(), 0, 1);
  return Math.floor((date.getTime() - first) / 86_400_000) + 1;
}
