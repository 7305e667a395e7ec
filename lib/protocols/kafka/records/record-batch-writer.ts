import type { FlumeEvent } from "../../../engine/event.js";
import { varintSize, writeVarint } from "../../../formats/varint.js";
import { compress, type CompressionName, compressionId } from "./compression.js";
import { crc32c, crc32cInTurns } from "./crc32c.js";

/** What of an event becomes the value of its record. */
export interface ValueForm {
  size(event: FlumeEvent): number;
  /** @returns where the next byte goes */
  write(target: Buffer, event: FlumeEvent, offset: number): number;
}

export const BODY_VALUE: ValueForm = {
  size: ({ body }) => body.length,
  write(target, { body }, offset) {
    target.set(body, offset);
    return offset + body.length;
  },
};

/** Name and value, as UTF-8. */
export type RecordHeader = readonly [string, string];

const NO_RECORD_HEADERS: readonly RecordHeader[] = [];

/** Base offset, length, leader epoch, magic, checksum, attributes … up to the number of records. */
export const BATCH_OVERHEAD = 61;
const FIRST_SIZE = 16 * 1024;
/** What the checksum covers begins here: behind itself. */
export const CHECKED = 21;

/**
 * One record batch, magic 2: Kafka protocol guide, "Record Batch". Records are written as they are added, so that
 * sending one costs a checksum and nothing per record.
 */
export class RecordBatchWriter {
  #bytes: Buffer;
  #end = BATCH_OVERHEAD;
  #count = 0;
  readonly #firstTimestamp: number;
  #maxTimestamp: number;

  /** `memory`: of a batch that nobody needs any more. */
  constructor(firstTimestamp: number, memory: Buffer = Buffer.allocUnsafeSlow(FIRST_SIZE)) {
    this.#bytes = memory;
    this.#firstTimestamp = firstTimestamp;
    this.#maxTimestamp = firstTimestamp;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes so far, the batch's own included, before compression. */
  get size(): number {
    return this.#end;
  }

  /** The memory of a batch that nobody needs any more: batches of one partition are about as large as each other. */
  get memory(): Buffer {
    return this.#bytes;
  }

  /** The records so far, as they were written. Valid until the next one is added. */
  get records(): Buffer {
    return this.#bytes.subarray(BATCH_OVERHEAD, this.#end);
  }

  /**
   * Adds a record, unless the batch would grow beyond `limit` bytes by it; the first record is always taken.
   * @returns whether it was added
   */
  add(
    event: FlumeEvent,
    value: ValueForm,
    timestamp: number,
    key: Buffer | undefined,
    headers: readonly RecordHeader[] = NO_RECORD_HEADERS,
    limit = Number.POSITIVE_INFINITY,
  ): boolean {
    const valueSize = value.size(event);
    const delta = timestamp - this.#firstTimestamp;
    const size =
      1 +
      varintSize(delta) +
      varintSize(this.#count) +
      (key === undefined ? 1 : varintSize(key.length) + key.length) +
      varintSize(valueSize) +
      valueSize +
      headersSize(headers);
    const end = this.#end + varintSize(size) + size;
    if (end > limit && this.#count > 0) return false;
    if (end > this.#bytes.length) this.#grow(end);
    const bytes = this.#bytes;
    let at = writeVarint(bytes, size, this.#end);
    bytes[at++] = 0;
    at = writeVarint(bytes, delta, at);
    at = writeVarint(bytes, this.#count, at);
    if (key === undefined) bytes[at++] = 1;
    else {
      at = writeVarint(bytes, key.length, at);
      bytes.set(key, at);
      at += key.length;
    }
    at = writeVarint(bytes, valueSize, at);
    at = value.write(bytes, event, at);
    at = writeVarint(bytes, headers.length, at);
    for (const [name, text] of headers) at = writeText(bytes, text, writeText(bytes, name, at));
    this.#end = at;
    this.#count++;
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
    return true;
  }

  /**
   * The batch as it goes over the wire. May be asked for once; the writer must not be used afterwards.
   * `producer` numbers the batch for a broker that drops repeated ones; without it nothing is numbered.
   */
  async finish(codec: CompressionName, producer: ProducerStamp = NO_PRODUCER): Promise<Buffer> {
    let bytes = this.#bytes.subarray(0, this.#end);
    if (codec !== "none") {
      const packed = await compress(codec, bytes.subarray(BATCH_OVERHEAD));
      bytes = Buffer.concat([bytes.subarray(0, BATCH_OVERHEAD), packed]);
    }
    bytes.writeBigInt64BE(0n, 0);
    bytes.writeInt32BE(bytes.length - 12, 8);
    bytes.writeInt32BE(-1, 12);
    bytes[16] = 2;
    bytes.writeInt16BE(compressionId(codec), 21);
    bytes.writeInt32BE(this.#count - 1, 23);
    bytes.writeBigInt64BE(BigInt(this.#firstTimestamp), 27);
    bytes.writeBigInt64BE(BigInt(this.#maxTimestamp), 35);
    bytes.writeBigInt64BE(producer.id, 43);
    bytes.writeInt16BE(producer.epoch, 51);
    bytes.writeInt32BE(producer.sequence, 53);
    bytes.writeInt32BE(this.#count, 57);
    bytes.writeUInt32BE(await crc32cInTurns(bytes, CHECKED), 17);
    return bytes;
  }

  #grow(atLeast: number): void {
    let size = this.#bytes.length * 2;
    while (size < atLeast) size *= 2;
    const larger = Buffer.allocUnsafeSlow(size);
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
  }
}

export interface ProducerStamp {
  readonly id: bigint;
  readonly epoch: number;
  /** Number of the batch's first record within its partition. */
  readonly sequence: number;
}

const NO_PRODUCER: ProducerStamp = { id: -1n, epoch: -1, sequence: -1 };

/** Gives a finished batch other numbers: it is sent again by a producer with a new id. */
export function restamp(batch: Buffer, producer: ProducerStamp): void {
  batch.writeBigInt64BE(producer.id, 43);
  batch.writeInt16BE(producer.epoch, 51);
  batch.writeInt32BE(producer.sequence, 53);
  batch.writeUInt32BE(crc32c(batch, CHECKED), 17);
}

function headersSize(headers: readonly RecordHeader[]): number {
  let size = varintSize(headers.length);
  for (const [name, text] of headers) size += textSize(name) + textSize(text);
  return size;
}

function textSize(text: string): number {
  const length = Buffer.byteLength(text);
  return varintSize(length) + length;
}

function writeText(target: Buffer, text: string, offset: number): number {
  const at = writeVarint(target, Buffer.byteLength(text), offset);
  return at + target.write(text, at, "utf8");
}
