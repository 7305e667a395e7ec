import { Backoff, sleep } from "../../../lib/engine/backoff.js";
import { asDeliveryError, DeliveryError } from "../../../lib/engine/errors.js";
import {
  encodeLogGroup,
  type LogGroupParts,
  logBytesInGroup,
} from "../../../lib/formats/log-groups/log-group-writer.js";
import { isLogHubError, type LogHubError } from "../../../lib/protocols/loghub/loghub-error.js";
import type { LogStore } from "../../../lib/protocols/loghub/port.js";
import type { PendingWrite } from "./pending-write.js";

export interface PutterSettings {
  readonly parts: LogGroupParts;
  /** Most bytes of one request's logs, before compression. */
  readonly mostBytes: number;
  /** How long logs wait for others that would go with them, in milliseconds; 0: not at all. */
  readonly mostWait: number;
  /** Requests under way at once. */
  readonly concurrency: number;
}

export interface QueuedLog {
  readonly log: Buffer;
  readonly write: PendingWrite;
  readonly index: number;
}

interface OpenGroup {
  readonly logs: QueuedLog[];
  readonly key: string | undefined;
  bytes: number;
}

/** The service took 4096 logs a request once; more make a request slow to try again. */
const MOST_LOGS = 4096;
/** Waits after a quota was exceeded, in milliseconds, and how often a request is tried before it is given back. */
const QUOTA_FIRST = 200;
const QUOTA_MOST = 10_000;
const QUOTA_TRIES = 5;

/** The service says of these that the logs themselves are not right, so that others of the same request may be. */
const BAD_LOGS = new Set([
  "InvalidEncoding",
  "InvalidKey",
  "InvalidTimestamp",
  "ParameterInvalid",
  "PostBodyInvalid",
  "PostBodyTooLarge",
]);

/** Gathers logs into requests, and finds the logs that are at fault when the service refuses one. */
export class LogPutter {
  readonly #store: LogStore;
  readonly #settings: PutterSettings;
  readonly #open = new Map<string, OpenGroup>();
  readonly #ready: OpenGroup[] = [];
  readonly #stopped = new AbortController();
  readonly #quota = new Backoff(QUOTA_FIRST, QUOTA_MOST);
  /** Nobody asks between these, in `performance.now()`: the quota is one for all. */
  #restFrom = 0;
  #restUntil = 0;
  #underWay = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(store: LogStore, settings: PutterSettings) {
    this.#store = store;
    this.#settings = settings;
  }

  /** `key`: 32 hexadecimal digits, or undefined: any shard. */
  add(queued: QueuedLog, key: string | undefined): void {
    const bytes = logBytesInGroup(queued.log);
    const name = key ?? "";
    let group = this.#open.get(name);
    if (group && (group.bytes + bytes > this.#settings.mostBytes || group.logs.length >= MOST_LOGS)) {
      this.#send(name, group);
      group = undefined;
    }
    if (!group) {
      group = { logs: [], key, bytes: 0 };
      this.#open.set(name, group);
    }
    group.logs.push(queued);
    group.bytes += bytes;
  }

  /** What is gathered leaves within the time it may wait. */
  flushSoon(): void {
    const { mostWait } = this.#settings;
    if (mostWait === 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), mostWait);
  }

  /** What is gathered leaves now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [name, group] of this.#open) this.#send(name, group);
  }

  /** Requests under way end by their own time limits; waits for quotas end now. */
  stop(): void {
    this.flush();
    this.#stopped.abort();
  }

  /** Gives up what has not been acknowledged; what has not been sent is not sent any more. */
  close(): void {
    this.#closed = true;
    this.stop();
    this.#store.close();
  }

  #send(name: string, group: OpenGroup): void {
    this.#open.delete(name);
    this.#ready.push(group);
    this.#next();
  }

  #next(): void {
    while (this.#underWay < this.#settings.concurrency) {
      const group = this.#ready.shift();
      if (!group) return;
      this.#underWay++;
      void this.#deliver(group.logs, group.key).finally(() => {
        this.#underWay--;
        this.#next();
      });
    }
  }

  /** Never rejects: each log is told what became of it. */
  async #deliver(logs: readonly QueuedLog[], key: string | undefined): Promise<void> {
    try {
      await this.#put(logs, key);
      for (const { write } of logs) write.acknowledge();
    } catch (error) {
      if (isLogHubError(error) && isAboutLogs(error)) {
        await this.#isolate(logs, key, error);
        return;
      }
      const failure = asDeliveryError(error);
      for (const { write, index } of logs) write.fail(index, failure);
    }
  }

  /** The request was refused for what is in it: its halves are tried, down to the logs at fault. */
  async #isolate(logs: readonly QueuedLog[], key: string | undefined, error: LogHubError): Promise<void> {
    const [only] = logs;
    if (only && logs.length === 1) {
      only.write.refuse(only.index, error);
      return;
    }
    const half = logs.length >> 1;
    await this.#deliver(logs.slice(0, half), key);
    await this.#deliver(logs.slice(half), key);
  }

  async #put(logs: readonly QueuedLog[], key: string | undefined): Promise<void> {
    const bytes = encodeLogGroup(
      logs.map(({ log }) => log),
      this.#settings.parts,
    );
    const { signal } = this.#stopped;
    for (let tries = 1; ; tries++) {
      await sleep(Math.max(0, this.#restUntil - performance.now()), signal);
      if (this.#closed) throw new DeliveryError("FLUME_STOPPED");
      const sentAt = performance.now();
      try {
        await this.#store.put({ bytes, logs: logs.length }, key, NEVER);
        this.#quota.reset();
        return;
      } catch (error) {
        const overQuota = isLogHubError(error) && error.code === "FLUME_LOGHUB_QUOTA";
        if (overQuota) this.#rest(sentAt);
        if (!overQuota || tries >= QUOTA_TRIES || signal.aborted) throw error;
      }
    }
  }

  /** Requests that were under way together exceed a quota together: that makes the wait longer once only. */
  #rest(sentAt: number): void {
    if (sentAt < this.#restFrom) return;
    this.#restFrom = performance.now();
    this.#restUntil = this.#restFrom + this.#quota.next() * (0.75 + Math.random() / 2);
  }
}

/** A request that was sent runs to its end, by its time limits: what became of it decides what is sent again. */
const NEVER = new AbortController().signal;

function isAboutLogs({ status, errorCode = "" }: LogHubError): boolean {
  return status === 413 || (status === 400 && BAD_LOGS.has(errorCode));
}
