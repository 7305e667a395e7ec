import { readNumber, writeNumber } from "./record.js";

/** Event numbers `from` (inclusive) to `to` (exclusive). */
export interface Range {
  readonly from: number;
  readonly to: number;
}

const RANGE_BYTES = 16;

export function rangesLength(ranges: readonly Range[]): number {
  return ranges.length * RANGE_BYTES;
}

export function writeRanges(into: Buffer, at: number, ranges: readonly Range[]): void {
  for (const { from, to } of ranges) {
    writeNumber(into, from, at);
    writeNumber(into, to, at + 8);
    at += RANGE_BYTES;
  }
}

export function readRanges(payload: Buffer, count: number): Range[] {
  const ranges: Range[] = [];
  for (let i = 0; i < count; i++) {
    ranges.push({ from: readNumber(payload, i * RANGE_BYTES), to: readNumber(payload, i * RANGE_BYTES + 8) });
  }
  return ranges;
}

/** The same events in as few ranges as can be, in order. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last && range.from <= last.to) merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
    else merged.push(range);
  }
  return merged;
}

/**
 * Which events are settled: taken and committed, or never going to be there. All below `watermark`,
 * and the ranges above it, which are few: one for each take that overtook another.
 */
export class SettledEvents {
  #watermark: number;
  /** In order, apart from each other, all above the watermark. */
  readonly #ranges: { from: number; to: number }[] = [];

  constructor(watermark = 0) {
    this.#watermark = watermark;
  }

  get watermark(): number {
    return this.#watermark;
  }

  get ranges(): readonly Range[] {
    return this.#ranges;
  }

  add(from: number, to: number): void {
    if (to <= this.#watermark || from >= to) return;
    const ranges = this.#ranges;
    if (from <= this.#watermark) {
      this.#watermark = to;
      while (ranges[0] && ranges[0].from <= this.#watermark) {
        this.#watermark = Math.max(this.#watermark, (ranges.shift() as Range).to);
      }
      return;
    }
    // The first that ends at or behind `from`: it, and those that begin before `to`, become one.
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ranges[middle] as Range).to < from) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while (end < ranges.length && (ranges[end] as Range).from <= to) {
      from = Math.min(from, (ranges[end] as Range).from);
      to = Math.max(to, (ranges[end] as Range).to);
      end++;
    }
    ranges.splice(low, end - low, { from, to });
  }

  /** The parts of `from` … `to` that are not settled. */
  unsettled(from: number, to: number): Range[] {
    const left: Range[] = [];
    let at = Math.max(from, this.#watermark);
    if (at >= to) return left;
    const ranges = this.#ranges;
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ranges[middle] as Range).to <= at) low = middle + 1;
      else high = middle;
    }
    for (; low < ranges.length && (ranges[low] as Range).from < to; low++) {
      const range = ranges[low] as Range;
      if (range.from > at) left.push({ from: at, to: range.from });
      at = Math.max(at, range.to);
    }
    if (at < to) left.push({ from: at, to });
    return left;
  }
}
