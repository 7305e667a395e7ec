/**
 * The framing that Java's snappy streams put around snappy blocks, and that Kafka's Java clients read and write:
 * `org.xerial.snappy.SnappyOutputStream`. A magic, two version numbers, then blocks behind their lengths.
 */
const MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const VERSION = 1;
const HEADER = 16;
const BLOCK = 32 * 1024;

type Codec = (block: Buffer) => Promise<Buffer>;

export async function packXerial(bytes: Buffer, pack: Codec): Promise<Buffer> {
  const header = Buffer.alloc(HEADER);
  MAGIC.copy(header);
  header.writeInt32BE(VERSION, 8);
  header.writeInt32BE(VERSION, 12);
  const pieces: Buffer[] = [header];
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const block = await pack(bytes.subarray(at, at + BLOCK));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    pieces.push(length, block);
  }
  return Buffer.concat(pieces);
}

/** Other clients (librdkafka) write one bare block instead. Throws RangeError for broken framing. */
export async function unpackXerial(bytes: Buffer, most: number, unpack: Codec): Promise<Buffer> {
  if (bytes.length < HEADER || !bytes.subarray(0, 8).equals(MAGIC)) {
    checkSize(bytes, most);
    return await unpack(bytes);
  }
  const pieces: Buffer[] = [];
  let total = 0;
  for (let at = HEADER; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw new RangeError("a snappy block without its length");
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < 0 || length > bytes.length - at) throw new RangeError("a snappy block that is cut off");
    const block = bytes.subarray(at, at + length);
    checkSize(block, most - total);
    const piece = await unpack(block);
    total += piece.length;
    pieces.push(piece);
    at += length;
  }
  return Buffer.concat(pieces, total);
}

/** A block begins with the length of what it holds, seven bits a byte (snappy's format description, "Preamble"). */
function checkSize(block: Buffer, most: number): void {
  let size = 0;
  let scale = 1;
  for (let i = 0; i < 5; i++) {
    const byte = block[i] ?? 0;
    size += (byte & 127) * scale;
    if (byte < 128) break;
    scale *= 128;
  }
  if (size > most) throw new RangeError(`${size} bytes once unpacked are more than ${most}`);
}
