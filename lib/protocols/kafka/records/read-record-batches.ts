import { decompress } from "./compression.js";
import { FetchedRecords } from "./fetched-records.js";

/** A batch of a fetch, control and aborted ones included: `records` is undefined for those. */
export interface FetchedBatch {
  readonly records: FetchedRecords | undefined;
  readonly baseOffset: number;
  /** Of the batch behind this one. */
  readonly nextOffset: number;
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

const HEADER = 61;
const MAGIC_AT = 16;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const APPEND_TIME = 0x08;
/** Type of a control record that ends an aborted transaction (KIP-98). */
const ABORT = 0;

/**
 * The batches of one partition in a fetch response. The last one may be cut off, as the broker sends bytes up to a
 * limit; it is left out and fetched again. `aborted` only where committed records alone are wanted.
 * Throws RangeError for bytes that are no records, FLUME_KAFKA_CODEC_MISSING.
 */
export async function readRecordBatches(
  bytes: Buffer,
  aborted: readonly AbortedTransaction[] | undefined,
): Promise<FetchedBatch[]> {
  const batches: FetchedBatch[] = [];
  const waiting = aborted ? aborted.toSorted((a, b) => a.firstOffset - b.firstOffset) : [];
  const aborting = new Set<bigint>();
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const end = at + 12 + bytes.readInt32BE(at + 8);
    if (end < at + HEADER) throw new RangeError("a record batch shorter than its own header");
    if (end > bytes.length) break;
    const magic = bytes[at + MAGIC_AT];
    if (magic !== 2) throw new RangeError(`records in format ${magic}, which Kafka has not written since 0.11`);
    const attributes = bytes.readInt16BE(at + 21);
    const baseOffset = Number(bytes.readBigInt64BE(at));
    const nextOffset = baseOffset + bytes.readInt32BE(at + 23) + 1;
    const producerId = bytes.readBigInt64BE(at + 43);
    while (waiting.length > 0 && (waiting[0] as AbortedTransaction).firstOffset < nextOffset) {
      aborting.add((waiting.shift() as AbortedTransaction).producerId);
    }
    const body = bytes.subarray(at + HEADER, end);
    if (attributes & CONTROL) {
      if (controlType(body) === ABORT) aborting.delete(producerId);
      batches.push({ records: undefined, baseOffset, nextOffset });
    } else if (attributes & TRANSACTIONAL && aborting.has(producerId)) {
      batches.push({ records: undefined, baseOffset, nextOffset });
    } else {
      const compression = attributes & 7;
      const unpacked = compression === 0 ? body : await decompress(compression, body);
      const records = FetchedRecords.scan(unpacked, {
        count: bytes.readInt32BE(at + 57),
        baseOffset,
        baseTimestamp: Number(bytes.readBigInt64BE(at + 27)),
        ...(attributes & APPEND_TIME ? { appendTime: Number(bytes.readBigInt64BE(at + 35)) } : {}),
      });
      batches.push({ records, baseOffset, nextOffset });
    }
    at = end;
  }
  return batches;
}

/** The key of a control record is its version and its type. */
function controlType(body: Buffer): number | undefined {
  const key = FetchedRecords.scan(body, { count: 1, baseOffset: 0, baseTimestamp: 0 }).key(0);
  return key && key.length >= 4 ? key.readInt16BE(2) : undefined;
}
