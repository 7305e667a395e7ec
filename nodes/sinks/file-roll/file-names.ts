/** Flume's path managers: DEFAULT counts from the start of the sink, ROLLTIME names the time of the roll. */
export const PATH_MANAGERS = ["DEFAULT", "ROLLTIME"] as const;

export interface NameSettings {
  readonly pathManager: (typeof PATH_MANAGERS)[number];
  readonly prefix: string;
  readonly extension: string;
}

/**
 * The names of the files of one sink, one after the other:
 * DEFAULT `<prefix><milliseconds of the first>-<n>[.<extension>]`, n counting on;
 * ROLLTIME `<prefix><yyyyMMddHHmmss>-<n>[.<extension>]`, local time, n from 1 in each second.
 */
export class FileNames {
  readonly #settings: NameSettings;
  readonly #started: number;
  #time = "";
  #n = 0;

  constructor(settings: NameSettings, now: number) {
    this.#settings = settings;
    this.#started = now;
  }

  next(now: number): string {
    const { pathManager, prefix, extension } = this.#settings;
    const time = pathManager === "DEFAULT" ? String(this.#started) : localTime(new Date(now));
    if (time !== this.#time) {
      this.#time = time;
      this.#n = 0;
    }
    this.#n++;
    return `${prefix}${time}-${this.#n}${extension === "" ? "" : `.${extension}`}`;
  }
}

function localTime(date: Date): string {
  const parts = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()];
  return String(date.getFullYear()).padStart(4, "0") + parts.map((part) => String(part).padStart(2, "0")).join("");
}
