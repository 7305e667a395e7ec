import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import type { EventBatch } from "../../../lib/engine/batch.js";
import { type Clock, systemClock } from "../../../lib/engine/clock.js";
import type { SinkContext } from "../../../lib/engine/component.js";
import type { Sink } from "../../../lib/engine/contracts.js";
import { DeliveryError, HeadraceError, isHeadraceError, reasonOf } from "../../../lib/engine/errors.js";
import { eventFile, type EventFileSettings } from "../../../lib/formats/event-file.js";
import type { FileBody, FileFormat } from "../../../lib/formats/file-format.js";
import { FileNames, type NameSettings } from "./file-names.js";
import { RolledFile } from "./rolled-file.js";

export interface FileRollSettings extends NameSettings, EventFileSettings {
  readonly directory: string;
  /** Seconds; 0: never. */
  readonly rollInterval: number;
  readonly batchSize: number;
  readonly fsync: boolean;
}

/**
 * Writes events to files in one directory, a new file each interval. A file is opened by the first batch that
 * goes into it and closed when its interval is over, whether more comes or not; without events there is no file.
 */
export class FileRollSink implements Sink {
  readonly batchSize: number;
  readonly maxInFlight = 1;
  readonly #settings: FileRollSettings;
  readonly #context: SinkContext;
  readonly #clock: Clock;
  readonly #names: FileNames;
  /** The real one, links resolved; undefined while stopped. */
  #directory: string | undefined;
  #format: FileFormat | undefined;
  #file: RolledFile | undefined;
  #body: FileBody | undefined;
  #cancelRoll: (() => void) | undefined;
  /** Writes and rolls take turns. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(settings: FileRollSettings, context: SinkContext, clock: Clock = systemClock) {
    this.batchSize = settings.batchSize;
    this.#settings = settings;
    this.#context = context;
    this.#clock = clock;
    this.#names = new FileNames(settings, clock.now());
  }

  async start(): Promise<void> {
    this.#format = await eventFile(this.#settings);
    this.#directory = await usableDirectory(this.#settings.directory);
  }

  write(batch: EventBatch): Promise<void> {
    return this.#inTurn(() => this.#write(batch));
  }

  async stop(): Promise<void> {
    await this.#inTurn(async () => {
      this.#directory = undefined;
      await this.#closeFile();
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#before.then(work);
    this.#before = result.catch(() => undefined);
    return result;
  }

  async #write(batch: EventBatch): Promise<void> {
    const file = this.#file ?? (await this.#openFile());
    try {
      if (this.#body) await file.append(await this.#body.piece(batch, file.empty));
    } catch (error) {
      throw new DeliveryError("FLUME_WRITE_FAILED", {
        outcome: file.whole ? "none" : "unknown",
        parameters: { reason: reasonOf(error) },
        cause: error,
      });
    }
  }

  async #openFile(): Promise<RolledFile> {
    if (this.#directory === undefined) throw new DeliveryError("FLUME_STOPPED");
    const { rollInterval } = this.#settings;
    try {
      this.#file = await this.#createFile(this.#directory);
      this.#body = this.#format?.begin();
    } catch (error) {
      this.#context.counters.add("ConnectionFailedCount");
      if (isHeadraceError(error)) throw error;
      throw new DeliveryError("FLUME_DIRECTORY_UNUSABLE", directoryProblem(this.#directory, error));
    }
    this.#context.counters.add("ConnectionCreatedCount");
    if (rollInterval > 0) this.#cancelRoll = this.#clock.after(rollInterval * 1000, () => this.#roll());
    return this.#file;
  }

  /** A name that is taken is passed over: another sink or an earlier run may write there. */
  async #createFile(directory: string): Promise<RolledFile> {
    for (;;) {
      const path = confinedPath(directory, this.#names.next(this.#clock.now()));
      try {
        return await RolledFile.create(path, this.#settings.fsync);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
  }

  #roll(): void {
    this.#inTurn(() => this.#closeFile()).catch((error: unknown) => this.#context.report(error));
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#cancelRoll?.();
    this.#cancelRoll = undefined;
    this.#file = undefined;
    if (!file) return;
    this.#context.counters.add("ConnectionClosedCount");
    try {
      await file.close();
    } catch (error) {
      throw new HeadraceError("FLUME_WRITE_FAILED", { reason: reasonOf(error) }, error);
    }
  }
}

async function usableDirectory(configured: string): Promise<string> {
  try {
    const directory = await realpath(configured);
    if (!(await stat(directory)).isDirectory()) throw new Error("it is not a directory");
    await access(directory, constants.W_OK | constants.X_OK);
    return directory;
  } catch (error) {
    const { parameters, cause } = directoryProblem(configured, error);
    throw new HeadraceError("FLUME_DIRECTORY_UNUSABLE", parameters, cause);
  }
}

function directoryProblem(directory: string, cause: unknown) {
  return { parameters: { directory, reason: reasonOf(cause) }, cause };
}

/** The settings were checked at deploy; whatever they are, no file lies elsewhere. */
function confinedPath(directory: string, name: string): string {
  const path = resolve(directory, name);
  const inside = directory.endsWith(sep) ? directory : directory + sep;
  if (path !== join(directory, name) || !path.startsWith(inside) || path.slice(inside.length).includes(sep)) {
    throw new DeliveryError("FLUME_PATH_OUTSIDE", { parameters: { name, directory } });
  }
  return path;
}
