import assert from "node:assert/strict";
import zlib from "node:zlib";
import fc from "fast-check";
import { copyHeaders, createEvent, type FlumeEvent } from "../../lib/engine/event.js";
import {
  checkFlumeEvent,
  flumeEventSize,
  readFlumeEvent,
  writeFlumeEvent,
} from "../../lib/formats/flume-avro-event.js";
import { VarintReader, varintSize, writeVarint } from "../../lib/formats/varint.js";
import { checkCompression, COMPRESSION_NAMES } from "../../lib/protocols/kafka/records/compression.js";
import { crc32c } from "../../lib/protocols/kafka/records/crc32c.js";
import { murmur2, partitionOfKey } from "../../lib/protocols/kafka/records/murmur2.js";
import { readRecordBatches } from "../../lib/protocols/kafka/records/read-record-batches.js";
import {
  BATCH_OVERHEAD,
  BODY_VALUE,
  RecordBatchWriter,
} from "../../lib/protocols/kafka/records/record-batch-writer.js";
import { packXerial, unpackXerial } from "../../lib/protocols/kafka/records/xerial.js";

const event = (body: string, headers: Record<string, string> = {}): FlumeEvent =>
  createEvent(Buffer.from(body), copyHeaders(headers));

const written = (one: FlumeEvent): Buffer => {
  const bytes = Buffer.alloc(flumeEventSize(one));
  assert.equal(writeFlumeEvent(bytes, one, 0), bytes.length);
  return bytes;
};

describe("Kafka's records", () => {
  it("numbers of any length come back, in as many bytes as was said", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), (value) => {
        const bytes = Buffer.alloc(12);
        const end = writeVarint(bytes, value, 1);
        assert.equal(end - 1, varintSize(value));
        assert.equal(new VarintReader(bytes, 1, end).next(), value);
      }),
    );
    assert.deepEqual([0, -1, 1, 63, -64, 64].map(varintSize), [1, 1, 1, 1, 1, 2]);
    assert.throws(() => new VarintReader(Buffer.alloc(11, 0xff)).next(), RangeError);
    assert.throws(() => new VarintReader(Buffer.from([0x80])).next(), RangeError);
  });

  it("checksums are those of RFC 3720", () => {
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
    assert.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e);
    assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
    // Piece by piece.
    assert.equal(crc32c(Buffer.from("56789"), 0, 5, crc32c(Buffer.from("1234"))), 0xe3069283);
  });

  it("keys go where Java's clients put them", () => {
    // From Kafka's own UtilsTest.
    const known = { "21": -973932308, foobar: -790332482, "a-little-bit-long-string": -985981536 };
    for (const [key, hash] of Object.entries(known)) assert.equal(murmur2(Buffer.from(key)), hash);
    assert.equal(partitionOfKey(Buffer.from("foobar"), 10), (-790332482 & 0x7fffffff) % 10);
  });

  for (const codec of COMPRESSION_NAMES) {
    it(`a batch comes back as it was written: ${codec}`, async () => {
      if (codec === "zstd" && !zlib.zstdCompress) {
        // Before Node 22.15 there is none, and whoever asks for it is told so.
        assert.throws(() => checkCompression("zstd"), { code: "FLUME_KAFKA_ZSTD_MISSING" });
        return;
      }
      const writer = new RecordBatchWriter(1_000_000);
      const keys = [undefined, Buffer.from(""), Buffer.from("k")];
      for (let i = 0; i < 3; i++) {
        const headers =
          i === 2
            ? ([
                ["a", "1"],
                ["a", "ä"],
              ] as const)
            : [];
        writer.add(event("x".repeat(i * 100_000)), BODY_VALUE, 1_000_000 - i, keys[i], headers);
      }
      const bytes = await writer.finish(codec);
      bytes.writeBigInt64BE(77n, 0);
      // A second batch that is cut off, as at the end of a fetch.
      const [batch, ...more] = await readRecordBatches(Buffer.concat([bytes, bytes.subarray(0, 70)]), {
        checkCrcs: true,
      });
      assert.equal(more.length, 0);
      assert.equal(batch?.nextOffset, 80);
      const records = batch?.records;
      assert.ok(records);
      assert.equal(records.length, 3);
      assert.equal(records.valueBytes, 300_001);
      for (const some of [records, records.copy(), records.slice(1, 3).copy()]) {
        const shift = 3 - some.length;
        for (let i = 0; i < some.length; i++) {
          assert.equal(some.offset(i), 77 + i + shift);
          assert.equal(some.timestamp(i), 1_000_000 - i - shift);
          assert.equal(some.value(i)?.length, (i + shift) * 100_000);
          assert.deepEqual(some.key(i), keys[i + shift]);
        }
        const seen: string[] = [];
        some.headers(some.length - 1, (name, value) => seen.push(`${name}=${value}`));
        assert.deepEqual(seen, ["a=1", "a=ä"]);
      }
    });
  }

  it("snappy stands in the framing of Java's streams, which every client reads", async () => {
    const writer = new RecordBatchWriter(0);
    writer.add(event("body"), BODY_VALUE, 0, undefined);
    const bytes = await writer.finish("snappy");
    assert.equal(bytes.toString("latin1", BATCH_OVERHEAD, BATCH_OVERHEAD + 8), "\u0082SNAPPY\0");
  });

  it("snappy without that framing, as librdkafka writes it, is read as well", async () => {
    const writer = new RecordBatchWriter(0);
    for (let i = 0; i < 3; i++) writer.add(event(`body ${i}`), BODY_VALUE, 0, undefined);
    const framed = await writer.finish("snappy");
    // One block behind the head of the framing and its own length.
    const raw = Buffer.concat([framed.subarray(0, BATCH_OVERHEAD), framed.subarray(BATCH_OVERHEAD + 16 + 4)]);
    raw.writeInt32BE(raw.length - 12, 8);
    raw.writeUInt32BE(crc32c(raw, 21), 17);
    const [batch] = await readRecordBatches(raw, { checkCrcs: true });
    const bodies = Array.from({ length: batch?.records?.length ?? 0 }, (_, i) => String(batch?.records?.value(i)));
    assert.deepEqual(bodies, ["body 0", "body 1", "body 2"]);
  });

  it("snappy that would grow beyond the bound is refused before it is unpacked, framed or not", async () => {
    const block = (length: number) => Buffer.from([length | 128, 1]);
    const unpacked: number[] = [];
    // What a block says of itself: seven bits, and 128 more.
    const unpack = (bytes: Buffer) => {
      const length = (bytes.readUInt8(0) & 127) + 128;
      unpacked.push(length);
      return Promise.resolve(Buffer.alloc(length));
    };
    const framed = await packXerial(Buffer.alloc(3 * 32 * 1024), () => Promise.resolve(block(72)));
    assert.equal((await unpackXerial(framed, 600, unpack)).length, 600);
    assert.equal((await unpackXerial(block(72), 200, unpack)).length, 200);
    unpacked.length = 0;
    await assert.rejects(unpackXerial(block(72), 199, unpack), RangeError);
    assert.deepEqual(unpacked, []);
    await assert.rejects(unpackXerial(framed, 599, unpack), RangeError);
    assert.deepEqual(unpacked, [200, 200], "the third would be too much");
  });

  it("bytes that are no records are refused, whatever they say of themselves", async () => {
    const writer = new RecordBatchWriter(0);
    for (let i = 0; i < 5; i++) writer.add(event(`body ${i}`), BODY_VALUE, i, undefined);
    const good = await writer.finish("none");
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, value) => {
        const bad = Buffer.from(good);
        bad[at] = value;
        try {
          const batches = await readRecordBatches(bad, { checkCrcs: false });
          for (const { records } of batches) {
            for (let i = 0; i < (records?.length ?? 0); i++) records?.value(i);
          }
        } catch (error) {
          assert.ok(error instanceof Error, String(error));
        }
      }),
      { numRuns: 500 },
    );
    const many = Buffer.from(good);
    many.writeInt32BE(0x7fffffff, 57);
    await assert.rejects(readRecordBatches(many, { checkCrcs: false }), RangeError);
  });
});

describe("Kafka's records: checksums", () => {
  const batch = async (body: string, baseOffset: number): Promise<Buffer> => {
    const writer = new RecordBatchWriter(0);
    writer.add(event(body), BODY_VALUE, 0, undefined);
    const bytes = await writer.finish("none");
    bytes.writeBigInt64BE(BigInt(baseOffset), 0);
    return bytes;
  };

  it("find whatever was changed behind them", async () => {
    const good = await batch("some body", 0);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 21, max: good.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, by) => {
          const bad = Buffer.from(good);
          bad.writeUInt8(bad.readUInt8(at) ^ by, at);
          await assert.rejects(readRecordBatches(bad, { checkCrcs: true }), /checksum/);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("what stands before a batch that cannot be read is read, and told is the batch", async () => {
    const broken = await batch("two", 1);
    broken.writeUInt32BE(1, 17);
    const found = await readRecordBatches(Buffer.concat([await batch("one", 0), broken]), { checkCrcs: true });
    assert.deepEqual(
      found.map(({ nextOffset }) => nextOffset),
      [1],
    );
    await assert.rejects(readRecordBatches(broken, { checkCrcs: true }), /checksum/);
  });
});

describe("Flume's events as Avro", () => {
  it("are the bytes that Flume writes", () => {
    // A map block of one entry, its end, and the body: written by Avro's own BinaryEncoder for the same event.
    assert.equal(written(event("test", { a: "b" })).toString("hex"), "0202610262000874657374");
    assert.equal(written(event("")).toString("hex"), "0000");
  });

  it("come back, whatever they hold", () => {
    const headers = fc.dictionary(fc.string(), fc.string({ unit: "binary" }));
    fc.assert(
      fc.property(headers, fc.uint8Array(), (given, body) => {
        const one = createEvent(Buffer.from(body), event("", given).headers);
        const bytes = written(one);
        checkFlumeEvent(bytes, 0, bytes.length);
        const back = readFlumeEvent(bytes);
        assert.deepEqual(back.body, one.body);
        // Lone halves of a pair are no text, and become the mark of that.
        const text = (value: string): string => Buffer.from(value).toString();
        const expected = Object.entries(given).map(([name, value]) => [text(name), text(value)]);
        assert.deepEqual(Object.entries(back.headers), expected);
      }),
    );
    assert.equal(readFlumeEvent(written(event("x", { ["__proto__"]: "y" }))).headers["__proto__"], "y");
  });

  it("of other writers: blocks with their length, and several of them", () => {
    // -1 entry in 4 bytes, then one entry, then the end.
    const bytes = Buffer.concat([Buffer.from("010802610262", "hex"), Buffer.from("0202630264000278", "hex")]);
    const { headers, body } = readFlumeEvent(bytes);
    assert.deepEqual({ ...headers }, { a: "b", c: "d" });
    assert.equal(body.toString(), "x");
  });

  it("are refused when they are something else", () => {
    for (const text of ["", "plain text of a log", "\u0000", "\u0000\u0004x", "\u0002\u00ff"]) {
      const bytes = Buffer.from(text, "latin1");
      assert.throws(() => checkFlumeEvent(bytes, 0, bytes.length), RangeError, JSON.stringify(text));
      assert.throws(() => readFlumeEvent(bytes), RangeError, JSON.stringify(text));
    }
  });
});
