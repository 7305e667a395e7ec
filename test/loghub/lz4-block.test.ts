import assert from "node:assert/strict";
import fc from "fast-check";
import { compressSync, uncompressSync } from "lz4-napi";
import { Lz4BlockReader, Lz4BlockWriter, Lz4Damage } from "../../lib/formats/lz4-block.js";

function unpacked(block: Buffer, length: number, step = 1_000_000): Buffer {
  const reader = new Lz4BlockReader(block, length);
  while (!reader.run(step));
  return reader.target;
}

function packed(bytes: Buffer, step = 1_000_000): Buffer {
  const writer = new Lz4BlockWriter(bytes);
  while (!writer.run(step));
  return writer.block;
}

/** The native library puts the length before the block. */
const nativeBlock = (bytes: Buffer): Buffer => compressSync(bytes).subarray(4);

function nativeUnpacked(block: Buffer, length: number): Buffer {
  const before = Buffer.alloc(4);
  before.writeUInt32LE(length);
  return uncompressSync(Buffer.concat([before, block]));
}

/** Bytes that repeat themselves, near and far, and some that do not. */
const texts = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.string({ minLength: 1, maxLength: 12 }), fc.nat(3_000))
        .map(([text, times]) => Buffer.from(text.repeat(times))),
      fc.constant(Buffer.alloc(70_000)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.concat([...parts, ...parts]));

describe("LZ4 blocks", () => {
  it("what the native library has packed comes back, in steps of any size", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 100_000 }), (bytes, step) => {
        assert.deepEqual(unpacked(nativeBlock(bytes), bytes.length, step), bytes);
      }),
    );
  });

  it("what we have packed, the native library and we unpack", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 100_000 }), (bytes, step) => {
        const block = packed(bytes, step);
        assert.deepEqual(unpacked(block, bytes.length), bytes);
        // It does not take the block of nothing.
        if (bytes.length > 0) assert.deepEqual(nativeUnpacked(block, bytes.length), bytes);
      }),
    );
    const lines = Buffer.from(Array.from({ length: 5_000 }, (_, i) => `GET /items/${i * 7919} 200\n`).join(""));
    assert.ok(packed(lines).length < lines.length / 2);
  });

  it("a block of literals only, as official clients send what does not compress", () => {
    assert.deepEqual(unpacked(Buffer.from("f0056c69746572616c73206f6e6c7921212121212121", "hex"), 20).length, 20);
  });

  it("damaged, cut short or of another length it is refused, and nothing is written beyond its end", () => {
    const bytes = Buffer.from("abcdefgh".repeat(500) + "and something else");
    const block = nativeBlock(bytes);
    for (let cut = 0; cut < block.length; cut++) {
      assert.throws(() => unpacked(Buffer.from(block.subarray(0, cut)), bytes.length), Lz4Damage, `cut at ${cut}`);
    }
    for (const length of [0, 1, bytes.length - 1, bytes.length + 1]) {
      assert.throws(() => unpacked(block, length), Lz4Damage, String(length));
    }
    const change = fc.record({ at: fc.nat(block.length - 1), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const other = Buffer.from(block);
        for (const { at, byte } of changes) other[at] = byte;
        try {
          assert.equal(unpacked(other, bytes.length).length, bytes.length);
        } catch (error) {
          assert.ok(error instanceof Lz4Damage, String(error));
        }
      }),
    );
  });

  it("a match that would read from before the beginning is refused: memory of others must not show", () => {
    for (const offset of [0, 2, 65_535]) {
      const block = Buffer.from([0x10, 0x61, offset & 255, offset >> 8, 0x10, 0x62]);
      assert.throws(() => unpacked(block, 6), Lz4Damage, String(offset));
    }
    assert.deepEqual(unpacked(Buffer.from([0x10, 0x61, 1, 0, 0x10, 0x62]), 6).toString(), "aaaaab");
  });

  it("a length that the block cannot hold takes no memory", () => {
    assert.throws(() => new Lz4BlockReader(Buffer.alloc(1_000), 3_000_000_000), Lz4Damage);
  });
});
