import { unwatchAbort, watchAbort } from "./abort.js";
import { batchTooLarge, channelFull, deliveryAborted } from "./errors.js";
import { Bag } from "./bag.js";
import type { Limits } from "./contracts.js";

interface Waiter {
  readonly events: number;
  readonly bytes: number;
  /** When it gives up, by `performance.now()`. */
  readonly until: number;
  readonly admit: () => void;
  readonly fail: (error: Error) => void;
}

/** Bytes that several channels share (Flume's default: a part of the heap, for the whole process). */
export class ByteBudget {
  readonly total: number;
  #used = 0;
  readonly #waiting = new Bag<() => void>();

  constructor(total: number) {
    this.total = total;
  }

  get used(): number {
    return this.#used;
  }

  fits(bytes: number): boolean {
    return this.#used + bytes <= this.total;
  }

  take(bytes: number): void {
    this.#used += bytes;
  }

  release(bytes: number): void {
    this.#used -= bytes;
    for (const retry of this.#waiting.list()) retry();
  }

  /** `retry` is called after each release until `unsubscribe`; once is enough. */
  subscribe(retry: () => void): void {
    this.#waiting.add(retry);
  }

  unsubscribe(retry: () => void): void {
    this.#waiting.delete(retry);
  }
}

/**
 * The room of a channel: admits requests strictly in call order, so a small batch never overtakes a
 * large one that waits. Events and bytes stay reserved until `release`.
 */
export class Admission {
  #capacity: Limits;
  #transaction: number;
  #keepAlive: number;
  readonly #shared: ByteBudget | undefined;
  #events = 0;
  #bytes = 0;
  readonly #waiters: Waiter[] = [];
  readonly #retry = () => this.#admitWaiters();
  #closed: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #watchesShared = false;

  /** `keepAlive` in seconds: how long a request waits for room. */
  constructor(room: { capacity: Limits; transaction: number; keepAlive: number; shared?: ByteBudget | undefined }) {
    this.#capacity = room.capacity;
    this.#transaction = room.transaction;
    this.#keepAlive = room.keepAlive;
    this.#shared = room.shared;
  }

  get events(): number {
    return this.#events;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  get limits(): Limits {
    return { events: this.#transaction, bytes: this.#capacity.bytes };
  }

  /** The most that can be reserved at once. */
  get room(): Limits {
    const { events, bytes } = this.#capacity;
    return { events, bytes: Math.min(bytes, this.#shared?.total ?? bytes) };
  }

  resize(room: { capacity: Limits; transaction: number; keepAlive: number }): void {
    this.#capacity = room.capacity;
    this.#transaction = room.transaction;
    this.#keepAlive = room.keepAlive;
    // Who waits from now on may give up before those who wait already.
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#refuseTooLarge();
    this.#admitWaiters();
    if (this.#waiters.length > 0) this.#watchTime();
  }

  /**
   * Undefined when admitted at once; else a promise that resolves on admission. `admitted` is called at that
   * very moment, so that places can be given out in order. Throws when it can never fit.
   */
  request(events: number, bytes: number, signal: AbortSignal, admitted: () => void): Promise<void> | undefined {
    const { limits } = this;
    if (events > limits.events || bytes > limits.bytes) throw batchTooLarge(events, bytes, limits);
    if (this.#closed) throw this.#closed;
    if (this.#waiters.length === 0 && this.#fits(events, bytes)) {
      this.#reserve(events, bytes);
      admitted();
      return undefined;
    }
    return this.#wait(events, bytes, signal, admitted);
  }

  release(events: number, bytes: number): void {
    this.#events -= events;
    this.#bytes -= bytes;
    this.#shared?.release(bytes);
    this.#admitWaiters();
  }

  /** Reserves what is already held (a channel that was reopened), whether it fits or not. */
  restore(events: number, bytes: number): void {
    this.#reserve(events, bytes);
  }

  /** Everyone who waits, and whoever asks later, is refused with `error`, until `open()`. */
  close(error: Error): void {
    this.#closed = error;
    for (const waiter of this.#waiters.splice(0)) waiter.fail(error);
    this.#watchShared();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  open(): void {
    this.#closed = undefined;
  }

  #fits(events: number, bytes: number): boolean {
    return (
      this.#events + events <= this.#capacity.events &&
      this.#bytes + bytes <= this.#capacity.bytes &&
      (this.#shared?.fits(bytes) ?? true)
    );
  }

  #reserve(events: number, bytes: number): void {
    this.#events += events;
    this.#bytes += bytes;
    this.#shared?.take(bytes);
  }

  #wait(events: number, bytes: number, signal: AbortSignal, admitted: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(deliveryAborted());
        return;
      }
      const waiter: Waiter = {
        events,
        bytes,
        until: performance.now() + this.#keepAlive * 1000,
        admit: () => {
          unwatchAbort(signal, withdraw);
          admitted();
          resolve();
        },
        fail: (error) => {
          unwatchAbort(signal, withdraw);
          reject(error);
        },
      };
      const withdraw = () => this.#giveUp(waiter, deliveryAborted());
      watchAbort(signal, withdraw);
      this.#waiters.push(waiter);
      this.#watchTime();
      this.#watchShared();
    });
  }

  /** Listens to the shared budget only while that is what the first in line waits for. */
  #watchShared(): void {
    const [first] = this.#waiters;
    const wanted = first !== undefined && this.#shared !== undefined && !this.#shared.fits(first.bytes);
    if (wanted === this.#watchesShared) return;
    this.#watchesShared = wanted;
    if (wanted) this.#shared?.subscribe(this.#retry);
    else this.#shared?.unsubscribe(this.#retry);
  }

  #giveUp(waiter: Waiter, error: Error): void {
    this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    waiter.fail(error);
    // The one behind may be smaller and fit.
    this.#admitWaiters();
  }

  /** One timer for all who wait: a timer for each batch would cost more than the batch. */
  #watchTime(): void {
    if (this.#timer) {
      this.#timer.ref();
      return;
    }
    const next = Math.min(...this.#waiters.map((waiter) => waiter.until));
    this.#timer = setTimeout(() => this.#expire(), Math.max(0, next - performance.now()));
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const waiter of this.#waiters.filter(({ until }) => until <= now)) {
      // An earlier one that gave up may have let this one in.
      if (this.#waiters.includes(waiter)) this.#giveUp(waiter, this.#fullError(waiter.bytes));
    }
    if (this.#waiters.length > 0) this.#watchTime();
  }

  #fullError(bytes: number): Error {
    const forBytes = this.#bytes + bytes > this.#capacity.bytes || !(this.#shared?.fits(bytes) ?? true);
    return forBytes
      ? channelFull(Math.min(this.#capacity.bytes, this.#shared?.total ?? Infinity), this.#keepAlive, "bytes")
      : channelFull(this.#capacity.events, this.#keepAlive);
  }

  /** Those who could never be admitted now would keep the others waiting for nothing. */
  #refuseTooLarge(): void {
    const { limits } = this;
    for (const waiter of [...this.#waiters]) {
      if (waiter.events <= limits.events && waiter.bytes <= limits.bytes) continue;
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.fail(batchTooLarge(waiter.events, waiter.bytes, limits));
    }
  }

  #admitWaiters(): void {
    for (let first = this.#waiters[0]; first && this.#fits(first.events, first.bytes); first = this.#waiters[0]) {
      this.#waiters.shift();
      this.#reserve(first.events, first.bytes);
      first.admit();
    }
    this.#watchShared();
    if (this.#waiters.length > 0) return;
    // Left running for whoever waits next, but not in the way of a process that wants to end.
    this.#timer?.unref();
  }
}
