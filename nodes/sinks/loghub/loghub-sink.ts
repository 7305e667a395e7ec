import { createHash } from "node:crypto";
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { SinkContext } from "../../../lib/engine/component.js";
import type { Sink } from "../../../lib/engine/contracts.js";
import { within } from "../../../lib/engine/backoff.js";
import { DeliveryError, HeadraceError, isDeliveryError, isHeadraceError } from "../../../lib/engine/errors.js";
import type { FlumeEvent, Headers } from "../../../lib/engine/event.js";
import { nextLoopTurn, turnIsOver } from "../../../lib/engine/turn.js";
import { localHostNames } from "../../../lib/formats/local-host-names.js";
import { encodeLog, isLogTime } from "../../../lib/formats/log-groups/log-group-writer.js";
import { openLogStore } from "../../../lib/protocols/loghub/log-store.js";
import { logStoreSettings } from "../../../lib/protocols/loghub/project-settings.js";
import type { LogHubSinkSettings } from "./component.js";
import { LogPutter } from "./log-putter.js";
import { type LogSerializer, logSerializer } from "./log-serializers.js";
import { PendingWrite } from "./pending-write.js";

/** Of one request, before compression: the service's limit, less what a group has besides its logs. */
const MOST_LOG_BYTES = 10 * 1024 * 1024 - 4096;
/** How long a stop waits for acknowledgements, in milliseconds. */
const CLOSE_WAIT = 5_000;
/** Events between two looks at the clock. */
const LOGS_OF_A_STEP = 100;
const HASH_KEY = /^[0-9a-f]{32}$/i;

/**
 * Writes each event as a log, and is content when the service has acknowledged every request that logs of the batch
 * went with. Those that it has not are named when a write fails, so that they alone come again.
 */
export class LogHubSink implements Sink {
  readonly batchSize: number;
  readonly maxInFlight: number;
  readonly #settings: LogHubSinkSettings;
  readonly #context: SinkContext;
  #serialize: LogSerializer | undefined;
  #putter: LogPutter | undefined;
  /** Writes under way; none of these rejects. */
  readonly #underWay = new Set<Promise<void>>();
  /** Of them, those whose logs are all with the putter. */
  #waiting = 0;

  constructor(settings: LogHubSinkSettings, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
    this.batchSize = settings.batchSize;
    this.maxInFlight = settings.concurrency;
  }

  async start(): Promise<void> {
    const { logstore, topic, source, bufferBytes, maxBufferTime, concurrency } = this.#settings;
    const { shared, counters, log } = this.#context;
    const storeSettings = logStoreSettings(shared["project"], { logstore, log });
    this.#serialize = logSerializer(this.#settings);
    const parts = { topic, source: source === "" ? (await localHostNames()).IP : source };
    this.#putter = new LogPutter(openLogStore(storeSettings), {
      parts,
      mostBytes: Math.min(bufferBytes, MOST_LOG_BYTES),
      mostWait: maxBufferTime,
      concurrency,
    });
    counters.add("ConnectionCreatedCount");
  }

  async write(batch: EventBatch): Promise<void> {
    const putter = this.#putter;
    if (!putter) throw new DeliveryError("FLUME_STOPPED");
    const writing = this.#write(batch, putter);
    const settled = writing.catch(() => undefined);
    this.#underWay.add(settled);
    try {
      await writing;
    } finally {
      this.#underWay.delete(settled);
    }
  }

  async stop(): Promise<void> {
    const putter = this.#putter;
    if (!putter) return;
    this.#putter = undefined;
    putter.stop();
    await within(CLOSE_WAIT, Promise.all(this.#underWay));
    putter.close();
    this.#context.counters.add("ConnectionClosedCount");
  }

  async #write(batch: EventBatch, putter: LogPutter): Promise<void> {
    const logs = await this.#logs(batch);
    const write = new PendingWrite(logs.length);
    this.#waiting++;
    try {
      for (const [index, log] of logs.entries())
        putter.add({ log, write, index }, this.#hashKey(batch.at(index).headers));
      // When every write slot is taken, or none is given out any more, nobody is left to wait for.
      if (this.#waiting >= this.maxInFlight || putter !== this.#putter) putter.flush();
      else putter.flushSoon();
      await write.settled;
    } finally {
      this.#waiting--;
    }
    if (write.acknowledged < logs.length) {
      this.#context.counters.add("RollbackCount");
      throw rejectionOf(write);
    }
  }

  /** Each event as a log. Rejects with the events that cannot be any, before anything is sent. */
  async #logs(batch: EventBatch): Promise<Buffer[]> {
    const make = await (this.#serialize as LogSerializer)(batch);
    const now = Math.floor(Date.now() / 1000);
    const refused = new Map<number, HeadraceError>();
    const logs: Buffer[] = [];
    for (let i = 0; i < batch.length; i++) {
      if (i % LOGS_OF_A_STEP === LOGS_OF_A_STEP - 1 && turnIsOver()) await nextLoopTurn();
      const event = batch.at(i);
      try {
        const { fields, time } = make(event, i);
        const log = encodeLog(time ?? this.#time(event) ?? now, fields);
        if (log.length > MOST_LOG_BYTES) {
          throw new HeadraceError("FLUME_LOGHUB_LOG_TOO_LARGE", { bytes: log.length, most: MOST_LOG_BYTES });
        }
        logs.push(log);
      } catch (error) {
        if (!isHeadraceError(error)) throw error;
        refused.set(i, error);
      }
    }
    if (refused.size > 0) throw refusal(refused);
    return logs;
  }

  /** Seconds since 1970, from the header that times of events stand in. */
  #time({ headers }: FlumeEvent): number | undefined {
    const text = this.#settings.useRecordTime ? headers["timestamp"] : undefined;
    if (text === undefined || !/^\d{1,13}$/.test(text)) return undefined;
    const seconds = Math.floor(Number(text) / 1000);
    return isLogTime(seconds) ? seconds : undefined;
  }

  #hashKey(headers: Headers): string | undefined {
    const { hashKeyHeader } = this.#settings;
    const value = hashKeyHeader === "" ? undefined : headers[hashKeyHeader];
    if (value === undefined) return undefined;
    return HASH_KEY.test(value) ? value.toLowerCase() : createHash("md5").update(value).digest("hex");
  }
}

function refusal(refused: ReadonlyMap<number, HeadraceError>): DeliveryError {
  const [first] = refused.values();
  const { code, parameters } = first as HeadraceError;
  return new DeliveryError(code, { retry: "never", refused, parameters, cause: first });
}

/**
 * Refused logs are told as refused only when nothing else of the batch was kept: else they come again alone, with
 * whatever else failed.
 */
function rejectionOf({ acknowledged, failed, refused }: PendingWrite): DeliveryError {
  if (acknowledged === 0 && failed.size === 0) return refusal(refused);
  const all = new Map<number, HeadraceError>([...failed, ...refused]);
  const [first] = all.values();
  const { code, parameters } = first as HeadraceError;
  const unknown = [...failed.values()].some((error) => isDeliveryError(error) && error.outcome !== "none");
  const outcome = unknown ? "unknown" : "none";
  // Where nothing was acknowledged it may be an outage, and all comes again.
  return new DeliveryError(code, { outcome, parameters, cause: first, ...(acknowledged > 0 ? { failed: all } : {}) });
}
