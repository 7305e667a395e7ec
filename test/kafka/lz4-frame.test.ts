import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { compress, COMPRESSION_NAMES, decompress } from "../../lib/protocols/kafka/records/compression.js";
import { mostInLz4Frames } from "../../lib/protocols/kafka/records/lz4-frame.js";

const MIB = 1024 * 1024;
const LZ4 = COMPRESSION_NAMES.indexOf("lz4");

describe("Kafka: records packed with LZ4", () => {
  it("can hold what they hold, and hardly more", async () => {
    for (const length of [0, 1, 100, 64 * 1024, 300_000, 9 * MIB]) {
      for (const bytes of [Buffer.alloc(length), randomBytes(length)]) {
        const packed = await compress("lz4", bytes);
        const most = mostInLz4Frames(packed);
        assert.ok(most >= length && most < length + 4 * MIB + 1, `${length}: ${most}`);
        assert.ok((await decompress(LZ4, packed)).equals(bytes));
      }
    }
    assert.equal(mostInLz4Frames(randomBytes(100)), 0);
  });

  it("that would grow beyond the bound are refused before they are unpacked", async () => {
    const packed = await compress("lz4", Buffer.alloc(129 * MIB));
    assert.ok(packed.length < MIB);
    await assert.rejects(decompress(LZ4, packed), RangeError);
  });
});
