import { type FileHandle, mkdir, open, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What is known of a file that is not finished. */
export interface OpenFileRecord {
  readonly open: string;
  readonly final: string;
  /** What `final` ends with behind its number. */
  readonly suffix?: string;
  /** Bytes that have been committed. */
  readonly durable: number;
  /** Bytes that it has if the last write came through. */
  readonly intended: number;
  /** The events behind `durable` are written again elsewhere, so they must not stay. */
  readonly resent?: boolean;
}

const NAME = "hdfs-open-files.jsonl";
/** Lines beyond which the journal is written anew, if most of them are out of date. */
const MOST_LINES = 20_000;

/**
 * The files that are open in HDFS, in a small file on this machine, so that after a crash they are found and finished.
 * One line of JSON for each change: a whole record, or the name of a file that is finished. Not synced: it is for the
 * end of the process, and its reader trusts it no further than what HDFS says.
 */
export class OpenFilesJournal {
  readonly #folder: string;
  readonly #records = new Map<string, OpenFileRecord>();
  #handle: FileHandle | undefined;
  #lines = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens it. @returns what an earlier run left */
  async start(): Promise<readonly OpenFileRecord[]> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    this.#records.clear();
    for (const record of await this.#read()) this.#records.set(record.open, record);
    await this.#rewrite();
    return [...this.#records.values()];
  }

  /** Resolves when the line is with the system, so before HDFS is asked for anything. */
  note(record: OpenFileRecord): Promise<void> {
    this.#records.set(record.open, record);
    return this.#add(record);
  }

  /** Never rejects: where the line cannot be written, the next start looks for the file, and finds none. */
  async forget(openName: string): Promise<void> {
    if (this.#records.delete(openName)) await this.#add({ finished: openName }).catch(() => undefined);
  }

  async stop(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#handle?.close();
    this.#handle = undefined;
  }

  get #path(): string {
    return join(this.#folder, NAME);
  }

  #add(line: object): Promise<void> {
    const written = this.#writing.then(async () => {
      if (!this.#handle) return;
      this.#lines++;
      if (this.#lines > MOST_LINES && this.#lines > 4 * this.#records.size) await this.#rewrite();
      else await this.#handle.appendFile(`${JSON.stringify(line)}\n`);
    });
    // One that failed must not keep the next from being tried.
    this.#writing = written.catch(() => undefined);
    return written;
  }

  /** Replaced as a whole, so that it is never half of one. */
  async #rewrite(): Promise<void> {
    const lines = [...this.#records.values()].map((record) => `${JSON.stringify(record)}\n`);
    const draft = `${this.#path}.new`;
    await writeFile(draft, lines.join(""), { mode: 0o600 });
    await rename(draft, this.#path);
    await this.#handle?.close();
    this.#handle = await open(this.#path, "a", 0o600);
    this.#lines = lines.length;
  }

  async #read(): Promise<readonly OpenFileRecord[]> {
    const records = new Map<string, OpenFileRecord>();
    const content = await readFile(this.#path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    for (const line of content.split("\n")) {
      const entry = parsed(line);
      if (!entry) continue;
      if ("finished" in entry) records.delete(entry.finished);
      else records.set(entry.open, entry);
    }
    return [...records.values()];
  }
}

/** Undefined for a line that a crash cut off. */
function parsed(line: string): OpenFileRecord | { readonly finished: string } | undefined {
  try {
    const entry = JSON.parse(line) as Partial<OpenFileRecord> & { finished?: unknown };
    if (typeof entry.finished === "string") return { finished: entry.finished };
    const { open: name, final, durable, intended } = entry;
    const whole = typeof name === "string" && typeof final === "string";
    return whole && Number.isInteger(durable) && Number.isInteger(intended) ? (entry as OpenFileRecord) : undefined;
  } catch {
    return undefined;
  }
}
