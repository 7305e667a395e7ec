import type { EventBatch } from "../../../lib/engine/batch.js";
import { asDeliveryError, DeliveryError } from "../../../lib/engine/errors.js";
import { packEvents } from "./packed-events.js";
import type { EventStore, IdRange } from "./store.js";

/** Of one transaction of the database; a put that is larger has one of its own. */
const GROUP_BYTES = 4 * 1024 * 1024;
/** Milliseconds until takes that could not be written are tried again. */
const RETRY_AFTER = 1000;

export interface PutRequest {
  readonly first: number;
  readonly batch: EventBatch;
  done(): void;
  failed(error: DeliveryError): void;
}

export interface TakeRequest {
  readonly ranges: readonly IdRange[];
  done(): void;
  /** Only when the writer is closed: until then it is tried again and again. */
  failed(error: DeliveryError): void;
}

/**
 * Brings puts and takes into the database: all that come while one transaction is under way share the next. A put
 * that fails is its sender's again; a take that fails stays, for its events have been delivered.
 */
export class GroupWriter {
  readonly #store: EventStore;
  /** Trouble with the database, or with nothing: it is over. */
  readonly #report: (error?: unknown) => void;
  #puts: PutRequest[] = [];
  #takes: TakeRequest[] = [];
  #running: Promise<void> | undefined;
  /** While it runs, takes wait. */
  #retry: NodeJS.Timeout | undefined;
  #troubled = false;
  #putsFail = false;
  #closing = false;
  #closed = false;

  constructor(store: EventStore, report: (error?: unknown) => void) {
    this.#store = store;
    this.#report = report;
  }

  put(request: PutRequest): void {
    if (this.#closed) return request.failed(new DeliveryError("FLUME_STOPPED"));
    this.#puts.push(request);
    this.#go();
  }

  take(request: TakeRequest): void {
    if (this.#closed) return request.failed(new DeliveryError("FLUME_STOPPED"));
    this.#takes.push(request);
    this.#go();
  }

  /** What was handed over is tried once more; then nothing is. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#go();
    await this.#running;
    this.#closed = true;
    const stopped = new DeliveryError("FLUME_STOPPED");
    for (const request of [...this.#puts.splice(0), ...this.#takes.splice(0)]) request.failed(stopped);
  }

  #go(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // Those who come in the same breath share a transaction.
    await Promise.resolve();
    let takesAlone = false;
    for (;;) {
      const puts: PutRequest[] = takesAlone ? [] : this.#nextPuts();
      const takes = this.#retry ? [] : this.#takes.splice(0);
      if (puts.length + takes.length === 0) break;
      const error = await this.#write(puts, takes);
      if (puts.length > 0) this.#putsFail = error !== undefined;
      if (!error) {
        takesAlone = false;
        this.#wentWell();
        continue;
      }
      this.#troubled = true;
      this.#report(error);
      this.#takes.unshift(...takes);
      // What hinders puts, a full disk for one, need not hinder takes.
      takesAlone = puts.length > 0 && takes.length > 0;
      if (puts.length > 0 || takes.length === 0) continue;
      if (this.#closing) break;
      this.#tryTakesLater();
    }
    this.#running = undefined;
  }

  #nextPuts(): PutRequest[] {
    let bytes = 0;
    let count = 0;
    for (const { batch } of this.#puts) {
      bytes += batch.bytes;
      if (count > 0 && bytes > GROUP_BYTES) break;
      count++;
    }
    return this.#puts.splice(0, count);
  }

  async #write(puts: readonly PutRequest[], takes: readonly TakeRequest[]): Promise<DeliveryError | undefined> {
    try {
      const events = packEvents(puts.map(({ batch }) => batch));
      await this.#store.write({ puts, events, takes: takes.flatMap(({ ranges }) => ranges) });
    } catch (error) {
      const why = asDeliveryError(error);
      for (const put of puts) put.failed(why);
      return why;
    }
    for (const put of puts) put.done();
    for (const take of takes) take.done();
    return undefined;
  }

  #wentWell(): void {
    if (!this.#troubled || this.#putsFail) return;
    this.#troubled = false;
    this.#report();
  }

  #tryTakesLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#go();
    }, RETRY_AFTER);
  }
}
