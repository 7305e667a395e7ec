/**
 * Hadoop's variable-length integers (WritableUtils.writeVInt), for lengths: up to 127 in one byte, else a byte that
 * tells how many follow, highest first. Not those of Avro and Kafka.
 */
export function hadoopVInt(value: number): Buffer {
  if (value <= 127) return Buffer.from([value]);
  const bytes = value < 0x100 ? 1 : value < 0x1_0000 ? 2 : value < 0x100_0000 ? 3 : 4;
  const out = Buffer.allocUnsafe(bytes + 1);
  out[0] = 256 - 112 - bytes;
  out.writeUIntBE(value, 1, bytes);
  return out;
}
