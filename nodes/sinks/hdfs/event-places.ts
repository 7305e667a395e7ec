import { type EventBatch, joinBatches } from "../../../lib/engine/batch.js";
import { DeliveryError, HeadraceError, isHeadraceError } from "../../../lib/engine/errors.js";
import type { Headers } from "../../../lib/engine/event.js";
import { confinedDirectory, confinedName, withoutAuthority } from "../../../lib/formats/hdfs-location.js";
import { type HostNames, PathPattern, type PatternOptions } from "../../../lib/formats/path-pattern.js";
import { isRounding, type ROUND_UNITS, timeZone } from "../../../lib/formats/zoned-time.js";

export interface PlaceSettings {
  readonly path: string;
  readonly filePrefix: string;
  readonly round: boolean;
  readonly roundValue: number;
  readonly roundUnit: (typeof ROUND_UNITS)[number];
  readonly timeZone: string;
  readonly useLocalTimeStamp: boolean;
}

/** Where an event goes. */
export interface Place {
  /** Without a slash at its end, unless it is the root. */
  readonly directory: string;
  readonly prefix: string;
}

/** The folder and file prefix of each event. Nothing in it needs Node.js: the dialog's preview uses it too. */
export class EventPlaces {
  readonly #path: PathPattern;
  readonly #prefix: PathPattern;
  readonly #useLocalTime: boolean;

  /** @throws HeadraceError when the settings cannot work */
  constructor(settings: PlaceSettings, hosts: HostNames) {
    const options = patternOptions(settings, hosts);
    const path = withoutAuthority(settings.path);
    this.#path = new PathPattern(path, options);
    this.#prefix = new PathPattern(settings.filePrefix, options);
    this.#useLocalTime = settings.useLocalTimeStamp;
    confinedName(this.#prefix.literalStart);
    const root = this.#path.literalStart.slice(0, this.#path.literalStart.lastIndexOf("/") + 1);
    if (!path.startsWith("/")) throw new HeadraceError("FLUME_HDFS_PATH_RELATIVE", { path });
    // Who may write a header would choose any folder of the cluster.
    if (this.#path.usesHeaders && root.replaceAll("/", "") === "") {
      throw new HeadraceError("FLUME_HDFS_PATH_ROOTLESS", { path });
    }
  }

  /** One text for each place; cheap, and not yet checked. `now`: of the clock, in milliseconds. */
  keyOf(headers: Headers, now: number): string {
    const time = this.#useLocalTime ? now : undefined;
    const prefix = this.#prefix.resolve(headers, time);
    return `${prefix}\u0000${this.#path.resolve(headers, time)}`;
  }

  /** Whether all events of a moment go to the same place. */
  get sameForAll(): boolean {
    const { usesHeaders, usesTime } = this.#path;
    const alike = !usesHeaders && !this.#prefix.usesHeaders;
    return alike && (this.#useLocalTime || !(usesTime || this.#prefix.usesTime));
  }

  /** @throws HeadraceError FLUME_HDFS_PATH_UNUSABLE */
  placeOf(key: string): Place {
    // A header may hold the separator itself; then there are too many parts, and the path is refused for it.
    const end = key.indexOf("\u0000");
    return { directory: confinedDirectory(key.slice(end + 1)), prefix: confinedName(key.slice(0, end)) };
  }
}

function patternOptions(settings: PlaceSettings, hosts: HostNames): PatternOptions {
  const zone = timeZone(settings.timeZone);
  if (!zone) throw new HeadraceError("FLUME_TIME_ZONE_UNKNOWN", { zone: settings.timeZone });
  const rounding = { unit: settings.roundUnit, value: settings.roundValue };
  if (settings.round && !isRounding(rounding)) {
    throw new HeadraceError("FLUME_ROUNDING_INVALID", { value: rounding.value, unit: rounding.unit });
  }
  return { zone, rounding: settings.round ? rounding : undefined, hosts };
}

/**
 * The events of a batch by the key of their place, in order.
 * @throws DeliveryError that names the events that have none, before anything is written
 */
export function byPlace(
  batch: EventBatch,
  now: number,
  places: EventPlaces,
  isKnown: (key: string) => boolean,
): ReadonlyMap<string, EventBatch> {
  if (batch.length === 0) return new Map();
  const checked = new Set<string>();
  const check = (key: string) => {
    if (isKnown(key) || checked.has(key)) return;
    places.placeOf(key);
    checked.add(key);
  };
  if (places.sameForAll) {
    const key = places.keyOf(batch.at(0).headers, now);
    check(key);
    return new Map([[key, batch]]);
  }
  const runs = new Map<string, EventBatch[]>();
  const refused = new Map<number, HeadraceError>();
  let start = 0;
  let current: string | undefined;
  const endRun = (end: number) => {
    if (current === undefined || start === end) return;
    const list = runs.get(current);
    if (list) list.push(batch.slice(start, end));
    else runs.set(current, [batch.slice(start, end)]);
  };
  for (let i = 0; i < batch.length; i++) {
    let key: string | undefined;
    try {
      key = places.keyOf(batch.at(i).headers, now);
      if (key !== current) check(key);
    } catch (error) {
      key = undefined;
      if (!isHeadraceError(error)) throw error;
      refused.set(i, error);
    }
    if (key === current) continue;
    endRun(i);
    current = key;
    start = i;
  }
  endRun(batch.length);
  const [first] = refused.values();
  if (first) throw new DeliveryError(first.code, { refused, parameters: first.parameters, cause: first });
  return new Map([...runs].map(([key, list]) => [key, joinBatches(list)]));
}
