import type { EventBatch } from "../../../lib/engine/batch.js";
import type { SinkContext } from "../../../lib/engine/component.js";
import type { Sink } from "../../../lib/engine/contracts.js";
import { nextLoopTurn, turnIsOver } from "../../../lib/engine/turn.js";
import { dumpEvent } from "./event-dump.js";

export interface LoggerSettings {
  readonly maxBytesToLog: number;
  /** Also show events in the editor's debug sidebar. */
  readonly toDebug: boolean;
}

/** Writes each event to the log at info level. */
export class LoggerSink implements Sink {
  readonly batchSize = 100;
  readonly maxInFlight = 1;
  readonly #settings: LoggerSettings;
  readonly #context: SinkContext;

  constructor(settings: LoggerSettings, context: SinkContext) {
    this.#settings = settings;
    this.#context = context;
  }

  async start(): Promise<void> {}

  async write(batch: EventBatch): Promise<void> {
    const { maxBytesToLog, toDebug } = this.#settings;
    const line = (index: number) => dumpEvent(batch.at(index), maxBytesToLog);
    if (toDebug) this.#context.debug(batch, line);
    for (let i = 0; i < batch.length; i++) {
      // A console is slow: a batch of log lines must not hold the editor up.
      if (turnIsOver()) await nextLoopTurn();
      this.#context.log.info(line(i));
    }
  }

  async stop(): Promise<void> {}
}
