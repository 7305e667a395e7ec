/** Figures as people read them; a dash for what was not measured, undefined or not a number. */
const NOTHING = "–";

function measured(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}

export function eventRate(eventsPerSecond: number): string {
  return measured(eventsPerSecond) ? Math.round(eventsPerSecond).toLocaleString("en") : NOTHING;
}

export function megabytes(bytes: number | undefined): string {
  return measured(bytes) ? `${Math.round(bytes / 1e6)} MB` : NOTHING;
}

export function milliseconds(value: number | undefined): string {
  return measured(value) ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : NOTHING;
}

export function percent(ratio: number | undefined): string {
  return measured(ratio) ? `${Math.round(ratio * 100)} %` : NOTHING;
}

export function times(ratio: number | undefined): string {
  return measured(ratio) ? `${ratio.toFixed(1)} ×` : NOTHING;
}
