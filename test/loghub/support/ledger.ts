import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.js";
import type { LogService } from "../emulator/log-service.js";
import type { Emission } from "./sources.js";

/** Where a log was put. */
interface Place {
  readonly shard: number;
  /** Of its group in the shard. */
  readonly place: number;
}

/**
 * Knows every log that was written, and judges what came out by what the service recorded: independent of what
 * any source says of itself.
 */
export class Ledger {
  readonly #service: LogService;
  readonly #written: Place[] = [];

  constructor(service: LogService) {
    this.#service = service;
  }

  get written(): number {
    return this.#written.length;
  }

  /**
   * Writes groups of logs with the fields `id` and `shard`.
   * @param timeOf the time of a log, in seconds since 1970; now when absent
   * @returns their ids
   */
  write(shard: number, groups = 1, logs = 4, timeOf = (_id: number) => Math.floor(Date.now() / 1_000)): number[] {
    const ids: number[] = [];
    const stored = this.#service.store().shard(shard);
    for (let group = 0; group < groups; group++) {
      const place = stored.end;
      const contents = Array.from({ length: logs }, () => {
        const id = this.#written.push({ shard, place }) - 1;
        ids.push(id);
        return {
          time: timeOf(id),
          contents: [
            ["id", String(id)],
            ["shard", String(shard)],
          ] as const,
        };
      });
      this.#service.store().appendLogs({ logs: contents }, shard);
    }
    return ids;
  }

  async allOut(emissions: () => readonly Emission[], within = 30_000): Promise<void> {
    await eventually(() => new Set(emissions().map(({ id }) => id)).size === this.written, {
      within,
      what: `${this.written} logs`,
    });
  }

  /** The place of a log's group in its shard. */
  placeOf(id: number): number {
    return this.#place(id).place;
  }

  #place(id: number): Place {
    const place = this.#written[id];
    if (!place) throw new Error(`Log ${id} was never written`);
    return place;
  }

  /** Ids that came out more than once. */
  static repeated(emissions: readonly Emission[]): number[] {
    const seen = new Set<number>();
    const twice = new Set<number>();
    for (const { id } of emissions) (seen.has(id) ? twice : seen).add(id);
    return [...twice];
  }

  /** Every log came out, and none twice. */
  assertExactlyOnce(emissions: readonly Emission[]): void {
    const ids = emissions.map(({ id }) => id).toSorted((a, b) => a - b);
    assert.deepEqual(ids, [...this.#written.keys()]);
  }

  /** Each log came out of a consumer that held its shard at that moment, by the service's own record. */
  assertHeld(emissions: readonly Emission[]): void {
    const strays = emissions.filter(({ consumer, shard, at }) => {
      const epochs = this.#service.history.epochsOf(shard);
      return !epochs.some(
        (epoch) => epoch.consumer === consumer && epoch.from <= at && at <= (epoch.until ?? Number.POSITIVE_INFINITY),
      );
    });
    assert.deepEqual(strays, []);
  }

  /**
   * Nothing came out again that was behind a checkpoint when its later reader began: a repeated log lies at or after the
   * last place that was saved before the later reader held the shard, or was started again while it held it.
   */
  assertRepeatsUncommitted(emissions: readonly Emission[]): void {
    const { history } = this.#service;
    const shards = this.#service.store();
    assert.equal(history.checkpoints.forgotten, 0);
    const first = new Map<number, Emission>();
    for (const emission of emissions.toSorted((a, b) => a.at - b.at)) {
      const before = first.get(emission.id);
      if (!before) {
        first.set(emission.id, emission);
        continue;
      }
      const { shard, place } = this.#place(emission.id);
      const began = this.#service.history
        .epochsOf(shard)
        .findLast(({ consumer, from }) => consumer === emission.consumer && from <= emission.at);
      const since = Math.max(began?.from ?? 0, emission.started);
      const saved = history.checkpoints.entries.findLast(
        (write) => write.shard === shard && write.refused === undefined && write.at <= since,
      );
      const committed = saved ? shards.shard(shard).placeOf(saved.cursor) : 0;
      assert.ok(place >= committed, `log ${emission.id}, at ${place}, came again though ${committed} was saved`);
    }
  }
}
