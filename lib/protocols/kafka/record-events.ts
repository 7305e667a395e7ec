import { copyPays, type EventBatch } from "../../engine/batch.js";
import type { FlumeEvent } from "../../engine/event.js";
import type { PolledPiece } from "./port.js";
import type { FetchedRecords } from "./records/fetched-records.js";

/** How a record becomes an event. */
export interface RecordForm {
  event(records: FetchedRecords, index: number, piece: PolledPiece): FlumeEvent;
  /** What the headers of one event count, about, apart from what comes out of its value. */
  headerBytes(piece: PolledPiece): number;
}

/**
 * Records as a batch: events are made when somebody looks at them, and never for a sink that does not. Its size
 * counts values as they were in the record.
 */
export class RecordEvents implements EventBatch {
  readonly #piece: PolledPiece;
  readonly #records: FetchedRecords;
  readonly #form: RecordForm;
  readonly bytes: number;

  constructor(piece: PolledPiece, form: RecordForm, records = piece.records) {
    this.#piece = piece;
    this.#records = records;
    this.#form = form;
    this.bytes = records.valueBytes + records.length * form.headerBytes(piece);
  }

  get length(): number {
    return this.#records.length;
  }

  at(index: number): FlumeEvent {
    return this.#form.event(this.#records, index, this.#piece);
  }

  slice(start: number, end: number): EventBatch {
    if (start === 0 && end === this.length) return this;
    return new RecordEvents(this.#piece, this.#form, this.#records.slice(start, end));
  }

  compact(): EventBatch {
    const kept = this.#records.keptBytes;
    if (!copyPays(kept, this.bytes)) return this;
    return new RecordEvents(this.#piece, this.#form, this.#records.copy());
  }

  *[Symbol.iterator](): Iterator<FlumeEvent> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}
