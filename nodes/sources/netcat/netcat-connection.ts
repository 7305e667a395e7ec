import type { Socket } from "node:net";
import { TextDecoder } from "node:util";
import { batchOf, type EventBatch, joinBatches } from "../../../lib/engine/batch.js";
import type { Lane, Outlet } from "../../../lib/engine/contracts.js";
import { isHeadraceError, reasonOf } from "../../../lib/engine/errors.js";
import { createEvent } from "../../../lib/engine/event.js";
import { splitLines } from "../../../lib/formats/line-batch.js";
import type { NetcatSettings } from "./netcat-source.js";

/** Deliveries under way for one client; beyond that its socket is not read. */
const MOST_UNDER_WAY = 8;
/** The same in bytes: with a thousand clients before a full channel it is this that bounds the memory. */
const MOST_BYTES_UNDER_WAY = 128 * 1024;
/** What a line costs beside its text: its newline, and where that is. Empty lines are not for nothing. */
const BYTES_PER_LINE = 5;
/** Replies the client has not read yet, in bytes; beyond that its socket is not read. */
const MOST_UNREAD_REPLIES = 64 * 1024;

const OK = "OK\n";
/** Acknowledgements that one write can hold. */
const MOST_OKS = 4096;
const OKS = Buffer.from(OK.repeat(MOST_OKS), "latin1");
const NOTHING = Buffer.alloc(0);

interface Pending {
  readonly batch: EventBatch;
  /** Undefined between a rejection and its next attempt. */
  delivery: Promise<void> | undefined;
}

/** What is kept alive of a read while these lines wait. */
function weightOf({ bytes, length }: EventBatch): number {
  return bytes + length * BYTES_PER_LINE;
}

/** One client: cuts its bytes into lines, delivers them in order, and answers in order. */
export class NetcatConnection {
  /** Resolves when the socket is closed and nothing is under way. */
  readonly ended: Promise<void>;
  readonly #socket: Socket;
  readonly #settings: NetcatSettings;
  readonly #out: Outlet;
  readonly #lane: Lane;
  readonly #signal: AbortSignal;
  /** For encodings other than UTF-8, whose bytes can be cut at newlines as they are. */
  readonly #decoder: TextDecoder | undefined;
  readonly #oks: Buffer;
  readonly #pending: Pending[] = [];
  /** Lines that no delivery has begun with, as they were read: one read may be thousands of small transactions. */
  readonly #waiting: EventBatch[] = [];
  /** Of both. */
  #keptBytes = 0;
  #tail: Buffer = NOTHING;
  #replying: Promise<void> | undefined;
  #closing = false;
  /** Later lines must not overtake those that are tried again. */
  #recovering = false;

  /** The socket arrives paused. `signal` withdraws what waits for room. */
  constructor(socket: Socket, settings: NetcatSettings, out: Outlet, signal: AbortSignal) {
    this.#socket = socket;
    this.#settings = settings;
    this.#out = out;
    this.#lane = out.lane();
    this.#signal = signal;
    const isUtf8 = /^utf-?8$/i.test(settings.encoding);
    // A byte order mark is text like any other, as in Flume.
    this.#decoder = isUtf8 ? undefined : new TextDecoder(settings.encoding, { ignoreBOM: true });
    this.#oks = this.#isWide ? this.#encoded(OK.repeat(MOST_OKS)) : OKS;
    this.ended = new Promise((resolve) => {
      socket.once("close", () => void (this.#replying ?? Promise.resolve()).then(resolve));
    });
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    // Text behind the last newline is no line: Flume drops it too, and the client got no OK for it.
    socket.on("end", () => void this.finish());
    socket.on("drain", () => this.#readOn());
    // The client went away; what it sent and we delivered stays delivered.
    socket.on("error", () => socket.destroy());
    socket.resume();
  }

  /** Reads no more, answers what is under way, and closes. */
  async finish(): Promise<void> {
    this.#closing = true;
    this.#socket.pause();
    await this.#replying;
    this.#socket.end();
    // Reading what the client may still send lets the socket see its end and close.
    this.#socket.removeAllListeners("data");
    this.#socket.resume();
    if (!this.#socket.readableEnded) this.#socket.destroySoon();
    await this.ended;
  }

  /** Closes at once, whatever is under way. */
  drop(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#closing) return;
    const bytes = this.#decoder ? Buffer.from(this.#decoder.decode(chunk, { stream: true }), "utf8") : chunk;
    const longest = this.#settings.maxLineLength - 1;
    const tooLong = (text: Buffer) => text.length > longest && text.toString("utf8").length > longest;

    let start = 0;
    const parts: EventBatch[] = [];
    if (this.#tail.length > 0) {
      const end = bytes.indexOf(10);
      const line = Buffer.concat([this.#tail, end === -1 ? bytes : bytes.subarray(0, end)]);
      if (tooLong(line)) return this.#refuseLine();
      if (end === -1) {
        this.#tail = line;
        return;
      }
      parts.push(batchOf([createEvent(line)]));
      start = end + 1;
    }
    const lines = splitLines(bytes, start, longest, (from, to) => tooLong(bytes.subarray(from, to)));
    if (lines.batch.length > 0) parts.push(lines.batch);
    // A copy: a view would keep the whole read alive for as long as the line takes to end.
    this.#tail = lines.rest < bytes.length ? Buffer.from(bytes.subarray(lines.rest)) : NOTHING;
    if (parts.length > 0) this.#deliver(joinBatches(parts));
    if (lines.tooLong || tooLong(this.#tail)) this.#refuseLine();
  }

  #deliver(batch: EventBatch): void {
    this.#waiting.push(batch);
    this.#keptBytes += weightOf(batch);
    this.#begin();
    this.#replying ??= this.#reply();
    if (this.#mustWait()) this.#socket.pause();
  }

  /** Few are under way at once; after a rejection all begin anew. */
  #begin(): void {
    while (this.#pending.length < MOST_UNDER_WAY) {
      const batch = this.#cut();
      if (!batch) break;
      this.#pending.push({ batch, delivery: undefined });
    }
    for (const pending of this.#pending) {
      if (pending.delivery) continue;
      pending.delivery = this.#lane.deliver(pending.batch, this.#signal);
      // Looked at in order, perhaps long after it was rejected.
      pending.delivery.catch(() => undefined);
    }
  }

  /** As many of the lines that wait as one transaction holds now. */
  #cut(): EventBatch | undefined {
    const batch = this.#waiting[0];
    if (!batch) return undefined;
    const { events, bytes } = this.#out.limits;
    let end = Math.min(batch.length, events);
    while (end > 1 && batch.slice(0, end).bytes > bytes) end >>= 1;
    if (end === batch.length) this.#waiting.shift();
    else this.#waiting[0] = batch.slice(end, batch.length);
    return batch.slice(0, end);
  }

  /** Answers deliveries in the order of the lines. Never rejects. */
  async #reply(): Promise<void> {
    for (let first = this.#pending[0]; first; first = this.#pending[0]) {
      try {
        await first.delivery;
        this.#acknowledge(first.batch.length);
      } catch (error) {
        // The source stops: what was not accepted is not answered either, and its sender has it.
        if (this.#signal.aborted) break;
        await this.#recover(first.batch, error);
      }
      this.#pending.shift();
      this.#keptBytes -= weightOf(first.batch);
      this.#begin();
      this.#readOn();
    }
    this.#replying = undefined;
  }

  /**
   * A batch was rejected and those behind it were stopped. Flume has one transaction for each line, so its
   * lines are tried singly: those that fit are accepted, each of the others gets its own FAILED.
   */
  async #recover(batch: EventBatch, error: unknown): Promise<void> {
    this.#recovering = true;
    this.#socket.pause();
    const rejected: Pending[] = [];
    for (const pending of this.#pending.slice(1)) {
      try {
        await pending.delivery;
      } catch {
        rejected.push(pending);
      }
    }
    this.#lane.reset();
    if (batch.length === 1) this.#fail(error);
    else {
      for (let i = 0; i < batch.length && !this.#signal.aborted; i++) {
        try {
          await this.#out.deliver(batch.slice(i, i + 1), this.#signal);
          this.#acknowledge(1);
        } catch (single) {
          this.#fail(single);
        }
      }
    }
    for (const pending of rejected) pending.delivery = undefined;
    this.#recovering = false;
  }

  #acknowledge(events: number): void {
    if (!this.#settings.ackEveryEvent || !this.#socket.writable) return;
    const size = this.#oks.length / MOST_OKS;
    for (let left = events; left > 0; left -= MOST_OKS) {
      this.#socket.write(this.#oks.subarray(0, Math.min(left, MOST_OKS) * size));
    }
  }

  get #isWide(): boolean {
    return this.#decoder?.encoding.startsWith("utf-16") ?? false;
  }

  /** Replies are ASCII, and so the same bytes in every encoding but UTF-16. */
  #encoded(reply: string): Buffer {
    const bytes = Buffer.from(reply, this.#isWide ? "utf16le" : "latin1");
    return this.#decoder?.encoding === "utf-16be" ? bytes.swap16() : bytes;
  }

  /** Sent even when acknowledgements are off, as Flume does. */
  #fail(error: unknown): void {
    if (this.#signal.aborted || !this.#socket.writable) return;
    const reason = isHeadraceError(error) ? error.message : reasonOf(error);
    this.#socket.write(this.#encoded(`FAILED: ${reason.replace(/[\r\n]+/g, " ")}\n`));
  }

  #refuseLine(): void {
    const { maxLineLength } = this.#settings;
    this.#closing = true;
    this.#tail = NOTHING;
    this.#socket.pause();
    void (this.#replying ?? Promise.resolve()).then(() => {
      if (this.#socket.writable) {
        const reply = `FAILED: Event exceeds the maximum length (${maxLineLength} chars, including newline)\n`;
        this.#socket.write(this.#encoded(reply));
      }
      return this.finish();
    });
  }

  #mustWait(): boolean {
    if (this.#recovering) return true;
    if (this.#pending.length >= MOST_UNDER_WAY || this.#keptBytes >= MOST_BYTES_UNDER_WAY) return true;
    return this.#socket.writableLength > MOST_UNREAD_REPLIES;
  }

  #readOn(): void {
    if (!this.#closing && this.#socket.isPaused() && !this.#mustWait()) this.#socket.resume();
  }
}
