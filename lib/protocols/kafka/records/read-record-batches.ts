import { decompress } from "./compression.js";
import { crc32cInTurns } from "./crc32c.js";
import { FetchedRecords } from "./fetched-records.js";
import { CHECKED } from "./record-batch-writer.js";

/** A batch of a fetch, control and aborted ones included: `records` is undefined for those. */
export interface FetchedBatch {
  readonly records: FetchedRecords | undefined;
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

export interface ReadOptions {
  /** Only where committed records alone are wanted. */
  readonly aborted?: readonly AbortedTransaction[] | undefined;
  readonly checkCrcs: boolean;
}

/**
 * The batches of one partition in a fetch response, up to the first that cannot be read: asked for again, the response
 * begins with that one. The last one may be cut off, as the broker sends bytes up to a limit; it is left out and
 * fetched again. Where the first one cannot be read, it throws: RangeError for bytes that are no records,
 * FLUME_KAFKA_CODEC_MISSING, FLUME_KAFKA_ZSTD_MISSING, or what a codec says.
 */
export async function readRecordBatches(
  bytes: Buffer,
  { aborted, checkCrcs }: ReadOptions,
): Promise<readonly FetchedBatch[]> {
  const batches: FetchedBatch[] = [];
  const transactions = aborted && new AbortedTransactions(aborted);
  for (let at = 0; at + HEADER <= bytes.length; ) {
    try {
      const end = at + 12 + bytes.readInt32BE(at + 8);
      if (end < at + HEADER) throw new RangeError("a record batch shorter than its own header");
      if (end > bytes.length) break;
      batches.push(await readBatch(bytes.subarray(at, end), transactions, checkCrcs));
      at = end;
    } catch (error) {
      if (batches.length === 0) throw error;
      break;
    }
  }
  return batches;
}

async function readBatch(
  batch: Buffer,
  transactions: AbortedTransactions | undefined,
  checkCrcs: boolean,
): Promise<FetchedBatch> {
  const magic = batch[MAGIC_AT];
  if (magic !== 2) throw new RangeError(`records in format ${magic}, which Kafka has not written since 0.11`);
  if (checkCrcs && (await crc32cInTurns(batch, CHECKED)) !== batch.readUInt32BE(17)) {
    throw new RangeError("the checksum of the record batch is wrong");
  }
  const attributes = batch.readInt16BE(21);
  const baseOffset = Number(batch.readBigInt64BE(0));
  const nextOffset = baseOffset + batch.readInt32BE(23) + 1;
  const producerId = batch.readBigInt64BE(43);
  transactions?.reach(nextOffset);
  const body = batch.subarray(HEADER);
  if (attributes & CONTROL) {
    if (controlType(body) === ABORT) transactions?.end(producerId);
    return { records: undefined, nextOffset };
  }
  if (attributes & TRANSACTIONAL && transactions?.has(producerId)) return { records: undefined, nextOffset };
  const compression = attributes & 7;
  const unpacked = compression === 0 ? body : await decompress(compression, body);
  const records = FetchedRecords.scan(unpacked, {
    count: batch.readInt32BE(57),
    baseOffset,
    baseTimestamp: Number(batch.readBigInt64BE(27)),
    ...(attributes & APPEND_TIME ? { appendTime: Number(batch.readBigInt64BE(35)) } : {}),
  });
  return { records, nextOffset };
}

/** Which producers' records belong to aborted transactions, as reading goes on. */
class AbortedTransactions {
  readonly #ahead: AbortedTransaction[];
  readonly #aborting = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#ahead = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Those that begin before this offset have begun. */
  reach(offset: number): void {
    for (let [next] = this.#ahead; next && next.firstOffset < offset; [next] = this.#ahead) {
      this.#aborting.add(next.producerId);
      this.#ahead.shift();
    }
  }

  end(producerId: bigint): void {
    this.#aborting.delete(producerId);
  }

  has(producerId: bigint): boolean {
    return this.#aborting.has(producerId);
  }
}

/** The key of a control record is its version and its type. */
function controlType(body: Buffer): number | undefined {
  const key = FetchedRecords.scan(body, { count: 1, baseOffset: 0, baseTimestamp: 0 }).key(0);
  return key && key.length >= 4 ? key.readInt16BE(2) : undefined;
}
