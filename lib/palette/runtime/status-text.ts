import { statusText } from "./language.js";
import type { NodeStatus } from "./node-red.js";

/** Of what is not open yet. Why it cannot be is a problem, which is shown in its place. */
export function startingStatus(): NodeStatus {
  return { fill: "grey", shape: "ring", text: statusText("starting") };
}

/** What a status says of several things: "12 % · power-safe". */
export function besideEachOther(...parts: readonly (string | undefined)[]): string {
  return parts.filter(Boolean).join(" · ");
}

/** Events per second, short: `0/s`, `850/s`, `12.3k/s`, `4.1M/s`. */
export function rateText(rate: number): string {
  return `${shortNumber(rate)}/s`;
}

/** Seconds, short: `0s`, `90s`, `15m`, `30h`, `12d`. */
export function durationText(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)}s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)}m`;
  return seconds < 360_000 ? `${Math.round(seconds / 3_600)}h` : `${Math.round(seconds / 86_400)}d`;
}

export function shortNumber(value: number): string {
  if (value >= 999_950) return `${(value / 1_000_000).toFixed(1)}M`;
  if (value >= 9_950) return `${(value / 1000).toFixed(value < 99_950 ? 1 : 0)}k`;
  return String(Math.round(value));
}

/** How full a channel is: `37 %`, and its colour by thirds as operators know it. */
export function fillStatus(size: number, capacity: number): { fill: "green" | "yellow" | "red"; percent: number } {
  const percent = capacity > 0 ? Math.floor((size / capacity) * 100) : 0;
  return { fill: percent > 85 ? "red" : percent > 60 ? "yellow" : "green", percent };
}
