/** Figures as people read them; a dash for what was not measured. */
const NOTHING = "–";

export function eventRate(eventsPerSecond: number): string {
  return Number.isFinite(eventsPerSecond) ? Math.round(eventsPerSecond).toLocaleString("en") : NOTHING;
}

export function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? NOTHING : `${Math.round(bytes / 1e6)} MB`;
}

export function milliseconds(value: number | undefined): string {
  return value === undefined ? NOTHING : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export function percent(ratio: number | undefined): string {
  return ratio === undefined ? NOTHING : `${Math.round(ratio * 100)} %`;
}

export function times(ratio: number | undefined): string {
  return ratio === undefined ? NOTHING : `${ratio.toFixed(1)} ×`;
}
