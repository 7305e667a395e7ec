import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { compressSync, uncompressSync } from "lz4-napi";
import {
  decodeLogGroup,
  decodeLogGroupList,
  encodeLogGroup,
  encodeLogGroupList,
  MalformedLogGroup,
} from "./emulator/log-groups.js";
import { lz4Compress, lz4Decompress } from "./emulator/lz4-block.js";
import { signatureV1, signatureV4 } from "./emulator/signatures.js";

describe("Log Service emulator: signatures, by the vectors that the official clients publish", () => {
  const v1 = {
    "x-log-apiversion": "0.6.0",
    "x-log-signaturemethod": "hmac-sha1",
    date: "Mon, 3 Jan 2010 08:33:47 GMT",
  };
  // The 52 bytes of a LogGroupList with one log, as the official clients' tests have them.
  const list = Buffer.from(
    "0a320a1e08f8b2939e0512160a07546573744b6579120b54657374436f6e74656e741a00220e31302e3233302e3230312e313137",
    "hex",
  );

  it("version 1 of a request without body", () => {
    const request = { method: "GET", path: "/logstores", query: [], headers: { ...v1, "x-log-bodyrawsize": "0" } };
    assert.equal(signatureV1(request, "mockAccessKeySecret", "sha1"), "Rwm6cTKzoti4HWoe+GKcb6Kv07E=");
  });

  it("version 1 of a request with a body", () => {
    const headers = {
      ...v1,
      "x-log-bodyrawsize": "50",
      "content-md5": createHash("md5").update(list).digest("hex").toUpperCase(),
      "content-type": "application/x-protobuf",
      // Added after signing by some clients: not part of what is signed.
      "x-log-date": "Mon, 3 Jan 2010 08:33:47 GMT",
    };
    const request = { method: "GET", path: "/logstores/app_log", query: [], headers };
    assert.equal(signatureV1(request, "mockAccessKeySecret", "sha1"), "87xQWqFaOSewqRIma8kPjGYlXHc=");
  });

  const date = "20220808T032330Z";
  const headers = { "x-log-test": "het123", "x-acs-ppp": "dds", "x-log-date": date, hello: "world" };
  const query: readonly (readonly [string, string])[] = [
    [" abc", "efg"],
    [" agc ", ""],
    ["", "efg"],
    ["A-bc", "eFg"],
  ];
  const more: readonly (readonly [string, string])[] = [
    ["abs-ij*asd/vc", "a~js+d ada"],
    ["a abAas123/vc", "a~jdad a2ADFs+d ada"],
  ];
  const body = "adasd= -asd zcas";
  const vectors = [
    {
      ...{ method: "POST", path: "/logstores", query, headers, body, region: "cn-hangzhou" },
      signature: "a98f5632e93836e63839cd836a54055f480020a9364ca944e2d34f2eb9bf1bed",
    },
    {
      ...{
        method: "POST",
        path: "/logstores",
        query: [],
        headers: { "x-log-date": date },
        body,
        region: "cn-shanghai",
      },
      signature: "8a10a5e723cb2e75964816de660b2c16a58af8bc0261f7f0722d832468c76ce8",
    },
    {
      ...{ method: "POST", path: "/logstores", query, headers, body: "", region: "cn-hangzhou" },
      signature: "5a66d8f8051983e0e9d08e0f960ef9252ef971eead5bb5c7acec8617a2eb2701",
    },
    {
      ...{ method: "GET", path: "/logstores", query, headers, body: "", region: "cn-hangzhou" },
      signature: "d92741852500791d662a8d469ff61627c0559ecd86c3f59b7bf6772b6c62666a",
    },
    {
      ...{ method: "POST", path: "/logstores/hello/a+*~bb/cc", query: [...query, ...more], headers, body },
      region: "cn-hangzhou",
      signature: "2c204068e961a8813a6bcf7ac422f7fa6e9bf9a5da493e0165dfe100854d18ff",
    },
  ];
  for (const [index, { signature, region, body, ...request }] of vectors.entries()) {
    it(`version 4, vector ${index + 1}`, () => {
      const hash = createHash("sha256").update(body).digest("hex");
      const signed = { ...request, headers: { ...request.headers, "x-log-content-sha256": hash } };
      assert.equal(signatureV4(signed, "zxasdasdasw2", date, region), signature);
    });
  }

  it("the published LogGroupList is read", () => {
    assert.deepEqual(decodeLogGroupList(list), [
      {
        topic: "",
        source: "10.230.201.117",
        machineUuid: undefined,
        tags: [],
        logs: [{ time: 1405409656, timeNs: undefined, contents: [["TestKey", Buffer.from("TestContent")]] }],
      },
    ]);
  });
});

describe("Log Service emulator: what it reads and writes", () => {
  /** The native library puts the length in front. */
  const withLength = (block: Buffer, length: number) => {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(length);
    return Buffer.concat([prefix, block]);
  };
  const repetitive = fc
    .array(fc.constantFrom("GET /index.html ", "200 ", "é", "x".repeat(300), "0123456789", "\n"), { maxLength: 400 })
    .map((parts) => Buffer.from(parts.join("")));
  const anyBytes = fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes));

  it("LZ4 blocks are those of the native library, both ways", () => {
    fc.assert(
      fc.property(fc.oneof(repetitive, anyBytes), (bytes) => {
        const block = lz4Compress(bytes);
        assert.ok(lz4Decompress(block, bytes.length).equals(bytes));
        if (bytes.length === 0) return;
        assert.ok(uncompressSync(withLength(block, bytes.length)).equals(bytes));
        assert.ok(lz4Decompress(compressSync(bytes).subarray(4), bytes.length).equals(bytes));
      }),
      { numRuns: 200 },
    );
  });

  it("a damaged LZ4 block, or one of another length, is an error and nothing else", () => {
    const bytes = Buffer.from("the same again, the same again, the same again, and then some more");
    const block = lz4Compress(bytes);
    for (const size of [0, bytes.length - 1, bytes.length + 1]) assert.throws(() => lz4Decompress(block, size), Error);
    for (let length = 0; length < block.length; length++) {
      assert.throws(() => lz4Decompress(block.subarray(0, length), bytes.length), Error);
    }
    assert.throws(() => lz4Decompress(Buffer.from([0x10, 0x61, 0x05, 0x00, 0x10, 0x61]), 20), /points 5 bytes back/);
  });

  it("a LogGroup is read strictly: what a client must not send is refused", () => {
    const good = encodeLogGroup({
      topic: "t",
      tags: [["k", "v"]],
      logs: [{ time: 1, timeNs: 5, contents: [["a", "b"]] }],
    });
    assert.equal(decodeLogGroup(good).logs[0]?.timeNs, 5);
    const wrong: Record<string, Buffer> = {
      "cut short": good.subarray(0, good.length - 1),
      "field 7": Buffer.concat([good, Buffer.from([0x3a, 0x00])]),
      "topic twice": Buffer.concat([good, Buffer.from([0x1a, 0x01, 0x61])]),
      "a log without time": Buffer.from([0x0a, 0x00]),
      "a number for a text": Buffer.from([0x18, 0x01]),
      "a number of 33 bits": Buffer.from([0x0a, 0x06, 0x08, 0xff, 0xff, 0xff, 0xff, 0x1f]),
      "a pair without value": Buffer.from([0x0a, 0x07, 0x08, 0x01, 0x12, 0x03, 0x0a, 0x01, 0x61]),
      "a key that is no text": Buffer.from([0x0a, 0x09, 0x08, 0x01, 0x12, 0x05, 0x0a, 0x01, 0xff, 0x12, 0x00]),
      "nanoseconds of more than a second": encodeLogGroup({ logs: [{ time: 1, timeNs: 1e9, contents: [] }] }),
    };
    for (const [what, bytes] of Object.entries(wrong)) {
      assert.throws(() => decodeLogGroup(bytes), MalformedLogGroup, what);
    }
    assert.throws(() => decodeLogGroupList(good), MalformedLogGroup);
    assert.equal(decodeLogGroupList(encodeLogGroupList([good, good])).length, 2);
  });
});
