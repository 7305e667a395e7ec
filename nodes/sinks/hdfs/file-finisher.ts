import { Backoff, sleep } from "../../../lib/engine/backoff.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import { HeadraceError, reasonOf } from "../../../lib/engine/errors.js";
import { isHdfsError } from "../../../lib/protocols/webhdfs/hdfs-error.js";
import type { WebHdfsClient } from "../../../lib/protocols/webhdfs/webhdfs-client.js";
import { otherName } from "./file-names.js";
import type { IoSlots } from "./io-slots.js";
import type { OpenFileRecord, OpenFilesJournal } from "./open-files-journal.js";

export interface FinishSettings {
  /** How often a file is tried; 0: until it succeeds. */
  readonly closeTries: number;
  /** Longest wait between two tries, in seconds; 0 or less: a single try. */
  readonly retryInterval: number;
}

/** The wait after the first failure, in milliseconds; doubled up to the retry interval. */
const FIRST_WAIT = 1000;
/** Names tried when the one that a file should get is taken. */
const MOST_NAMES = 100;

/**
 * Finishes files: cuts off what must not stay, and gives them their final names. In the background, again and again,
 * as often as the settings say; what is left then is tried once more at the next start.
 */
export class FileFinisher {
  readonly #client: WebHdfsClient;
  readonly #slots: IoSlots;
  readonly #journal: OpenFilesJournal;
  readonly #settings: FinishSettings;
  readonly #context: ComponentContext;
  readonly #stopped = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(
    client: WebHdfsClient,
    slots: IoSlots,
    journal: OpenFilesJournal,
    settings: FinishSettings,
    context: ComponentContext,
  ) {
    this.#client = client;
    this.#slots = slots;
    this.#journal = journal;
    this.#settings = settings;
    this.#context = context;
  }

  get busy(): number {
    return this.#running.size;
  }

  /** `cleanly`: all that was written has been committed, so there is nothing to look for. Resolves after the first try. */
  finish(record: OpenFileRecord, cleanly: boolean): Promise<void> {
    let firstTry: () => void = () => undefined;
    const tried = new Promise<void>((resolve) => (firstTry = resolve));
    const run: Promise<void> = this.#run(record, cleanly, firstTry).finally(() => {
      firstTry();
      this.#running.delete(run);
    });
    this.#running.add(run);
    return tried;
  }

  /** Ends the waiting; tries under way end by themselves. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#running);
  }

  async #run(record: OpenFileRecord, cleanly: boolean, tried: () => void): Promise<void> {
    const { closeTries, retryInterval } = this.#settings;
    const most = retryInterval <= 0 ? 1 : closeTries === 0 ? Number.POSITIVE_INFINITY : closeTries;
    const backoff = new Backoff(FIRST_WAIT, Math.max(retryInterval, 1) * 1000);
    for (let tries = 1; ; tries++) {
      try {
        await this.#once(record, cleanly);
        if (tries > 1) this.#context.report();
        return;
      } catch (error) {
        const parameters = { path: record.open, reason: reasonOf(error), tries };
        const problem = new HeadraceError("FLUME_HDFS_NOT_FINISHED", parameters, error);
        // The lease of a writer that is gone ends within a minute: nobody has to do anything.
        if (isBeingWritten(error) || error instanceof StillOpen) this.#context.log.info(problem.message);
        else this.#context.report(problem);
        tried();
        if (tries >= most) return;
      }
      await sleep(backoff.next(), this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
    }
  }

  async #once(record: OpenFileRecord, cleanly: boolean): Promise<void> {
    const there = cleanly || (await this.#settle(record));
    if (there && record.open !== record.final) await this.#rename(record);
    await this.#journal.forget(record.open);
  }

  /** Brings the file to the length that it should have. @returns false when there is no file to keep */
  async #settle({ open, durable, intended, resent }: OpenFileRecord): Promise<boolean> {
    const status = await this.#call(() => this.#client.status(open));
    if (!status) return false;
    const wanted = status.length === intended && !resent ? intended : durable;
    if (wanted === 0) {
      // Nothing in it was committed. Deleting also ends the lease of whoever may still write there.
      if (status.length <= intended) await this.#call(() => this.#client.remove(open));
      return status.length > intended;
    }
    // Longer than anybody meant it to be: the journal is older than the file, so nothing is known to be too much.
    if (status.length < wanted || status.length > intended) return true;
    // Also where the length is right: HDFS refuses while somebody has the file open, whose bytes may be on their way.
    if (!(await this.#call(() => this.#client.truncate(open, wanted)))) throw new StillOpen();
    return true;
  }

  async #rename({ open, final, suffix = "" }: OpenFileRecord): Promise<void> {
    for (let i = 0; i < MOST_NAMES; i++) {
      const name = i === 0 ? final : otherName(final, suffix, i);
      if (await this.#call(() => this.#client.rename(open, name))) return;
      // False says neither which of the two was wrong nor whether an earlier try came through.
      const [source, target] = await Promise.all([this.#status(open), this.#status(name)]);
      if (!source) {
        if (!target) this.#context.log.warn(`${open} is gone from HDFS before it was renamed`);
        return;
      }
      if (!target) throw new Error("HDFS did not rename it");
    }
    throw new Error("all names are taken");
  }

  #status(path: string) {
    return this.#call(() => this.#client.status(path));
  }

  #call<T>(work: () => Promise<T>): Promise<T> {
    return this.#slots.run(work);
  }
}

/** Its last block is being recovered: until then it cannot be read to its end. */
class StillOpen extends Error {
  constructor() {
    super("its last block is being recovered");
  }
}

/** Somebody still writes there, by what HDFS knows: a data node that has not noticed that its client is gone. */
export function isBeingWritten(error: unknown): boolean {
  if (!isHdfsError(error)) return false;
  const { exception } = error;
  return exception === "AlreadyBeingCreatedException" || exception === "RecoveryInProgressException";
}
