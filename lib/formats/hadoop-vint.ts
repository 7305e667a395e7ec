/**
 * Hadoop's variable-length integers (WritableUtils.writeVInt), for lengths: up to 127 in one byte, else a byte that
 * tells how many follow, highest first. Not those of Avro and Kafka.
 */
export function hadoopVInt(value: number): Buffer {
  if (value <= 127) return Buffer.from([value]);
  const bytes = hadoopVIntSize(value) - 1;
  const out = Buffer.allocUnsafe(bytes + 1);
  out[0] = 256 - 112 - bytes;
  out.writeUIntBE(value, 1, bytes);
  return out;
}

/** Bytes that it takes. */
export function hadoopVIntSize(value: number): number {
  if (value <= 127) return 1;
  return value < 0x100 ? 2 : value < 0x1_0000 ? 3 : value < 0x100_0000 ? 4 : 5;
}
