import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { compressSync, uncompressSync } from "lz4-napi";
import { ManualClock } from "../support/manual-clock.js";
import type { ConsumerGroup } from "./emulator/consumer-group.js";
import { compress, hasZstd } from "./emulator/compression.js";
import { History } from "./emulator/history.js";
import {
  decodeLogGroup,
  decodeLogGroupList,
  encodeLogGroup,
  encodeLogGroupList,
  type Log,
  MalformedLogGroup,
} from "./emulator/log-groups.js";
import { Logstore, type LogstoreSettings } from "./emulator/logstore.js";
import { lz4Compress, lz4Decompress } from "./emulator/lz4-block.js";
import { readPutBody } from "./emulator/put-logs.js";
import { checkRequest } from "./emulator/request-checks.js";
import { ServiceError } from "./emulator/service-error.js";
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

describe("Log Service emulator: what it refuses before it does anything", () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  const key = { id: "id", secret: "secret", denied: new Set<string>() };
  const settings = { keys: new Map([["id", key]]), region: "cn-hangzhou" };
  const body = Buffer.from("{}");

  /** A request that is right, except for headers that are replaced before it is signed (undefined: left out). */
  function signed(changed: Readonly<Record<string, string | undefined>> = {}, hash: "sha1" | "sha256" = "sha1") {
    const all: Readonly<Record<string, string | undefined>> = {
      host: "headrace.127.0.0.1:1234",
      date: new Date(now).toUTCString(),
      "content-type": "application/json",
      "content-md5": createHash("md5").update(body).digest("hex").toUpperCase(),
      "x-log-apiversion": "0.6.0",
      "x-log-signaturemethod": `hmac-${hash}`,
      "x-log-bodyrawsize": "2",
      ...changed,
    };
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(all)) if (value !== undefined) headers[name] = value;
    const request = {
      method: "POST",
      path: "/logstores/logs/consumergroups",
      query: [["a", "x y"]] as const,
      headers,
      body,
    };
    headers["authorization"] ??= `LOG id:${signatureV1(request, key.secret, hash)}`;
    return request;
  }

  it("lets in what is right, signed by either hash", () => {
    assert.equal(checkRequest(signed(), now, settings), key);
    assert.equal(checkRequest(signed({}, "sha256"), now, settings), key);
    // Within the tolerance of fifteen minutes.
    assert.equal(checkRequest(signed(), now + 14 * 60_000, settings), key);
  });

  const wrong: readonly (readonly [string, Readonly<Record<string, string | undefined>>])[] = [
    ["MissingHost", { host: undefined }],
    ["MissingAPIVersion", { "x-log-apiversion": undefined }],
    ["InvalidAPIVersion", { "x-log-apiversion": "0.5.0" }],
    ["MissingContentType", { "content-type": undefined }],
    ["InvalidContentMD5", { "content-md5": "0".repeat(32) }],
    ["MissAccessKeyId", { authorization: "Basic abc" }],
    ["MissingSignatureMethod", { "x-log-signaturemethod": undefined }],
    ["InvalidSignatureMethod", { "x-log-signaturemethod": "hmac-md5" }],
    ["MissingDate", { date: undefined }],
    ["InvalidDateFormat", { date: "2026-01-02T03:04:05Z" }],
    ["RequestTimeTooSkewed", { date: new Date(now - 16 * 60_000).toUTCString() }],
    ["InvalidAccessKeyId", { authorization: "LOG nobody:abc" }],
    ["SignatureNotMatch", { authorization: "LOG id:abc" }],
    ["Unauthorized", { "x-acs-security-token": "not wanted" }],
  ];
  for (const [code, changed] of wrong) {
    it(code, () => {
      const refused = (error: unknown) => error instanceof ServiceError && error.code === code;
      assert.throws(() => checkRequest(signed(changed), now, settings), refused);
    });
  }

  it("a header, a parameter or the path that was changed after signing breaks the signature", () => {
    const right = signed();
    const refused = (error: unknown) => error instanceof ServiceError && error.code === "SignatureNotMatch";
    const changed = [
      { ...right, path: "/logstores/other/consumergroups" },
      { ...right, query: [["a", "x z"]] as const },
      { ...right, method: "PUT" },
      { ...right, headers: { ...right.headers, "x-log-bodyrawsize": "3" } },
    ];
    for (const request of changed) assert.throws(() => checkRequest(request, now, settings), refused);
  });

  describe("PutLogs", () => {
    const time = 1_700_000_000;
    const put = (bytes: Buffer, changed: Readonly<Record<string, string>> = {}, sent = bytes) =>
      readPutBody(
        {
          ...{ operation: "PutLogs", logstore: "logs", shard: undefined, group: undefined, path: "", query: new Map() },
          ...{ accessKeyId: "", connection: 0, clientAddress: "", body: sent },
          headers: { "content-type": "application/x-protobuf", "x-log-bodyrawsize": String(bytes.length), ...changed },
        },
        time,
      );
    const group = (log: Partial<Log> = {}) => encodeLogGroup({ logs: [{ time, contents: [["k", "v"]], ...log }] });
    const cases: readonly (readonly [string, () => unknown])[] = [
      ["InvalidContentType", () => put(group(), { "content-type": "text/plain" })],
      ["InvalidBodyRawSize", () => put(group(), { "x-log-bodyrawsize": "many" })],
      ["InvalidBodyRawSize", () => put(group(), { "x-log-bodyrawsize": "3" })],
      ["InvalidCompressType", () => put(group(), { "x-log-compresstype": "brotli" })],
      ["PostBodyUncompressError", () => put(group(), { "x-log-compresstype": "lz4" })],
      ["PostBodyUncompressError", () => put(group(), { "x-log-compresstype": "deflate" })],
      ["PostBodyTooLarge", () => put(group(), { "x-log-bodyrawsize": String(10 * 1024 * 1024 + 1) })],
      ["PostBodyInvalid", () => put(Buffer.from("no protocol buffers"))],
      ["PostBodyInvalid", () => put(encodeLogGroup({ logs: [] }))],
      ["PostBodyInvalid", () => put(group({ contents: [["k", "x".repeat(1024 * 1024 + 1)]] }))],
      ["InvalidTimestamp", () => put(group({ time: time - 7 * 24 * 3_600 - 1 }))],
      ["InvalidTimestamp", () => put(group({ time: time + 901 }))],
      ["InvalidKey", () => put(group({ contents: [["", "v"]] }))],
      ["InvalidEncoding", () => put(Buffer.from("0a0c08011208" + "0a01ff1203616263", "hex"))],
    ];
    for (const [index, [code, call]] of cases.entries()) {
      it(`${code} (${index + 1})`, () => {
        assert.throws(call, (error: unknown) => error instanceof ServiceError && error.code === code);
      });
    }

    it("takes what is right, with each compression", () => {
      assert.equal(put(group()).logs, 1);
      for (const how of ["lz4", "deflate", ...(hasZstd ? (["zstd"] as const) : [])] as const) {
        assert.equal(put(group(), { "x-log-compresstype": how }, compress(group(), how)).logs, 1, how);
      }
    });
  });
});

describe("Log Service emulator: shards and consumer groups", () => {
  const log = { time: 1, contents: [["k", "v"]] as const };

  function logstore({ shards = 4, ttl = 1_000, endOfReadOnly = "on-write" }: Partial<LogstoreSettings> = {}) {
    const clock = new ManualClock(1_700_000_000_000);
    const history = new History(10_000);
    const store = new Logstore({ name: "logs", shards, ttl, capacity: 1e6, endOfReadOnly }, clock, history);
    const beat = (group: ConsumerGroup, consumer: string, shards: readonly number[]) =>
      group.heartbeat(consumer, shards, clock.now());
    const save = (group: ConsumerGroup, consumer: string, shard: number, checkpoint: string, force = false) =>
      group.save({ consumer, shard, checkpoint, force }, clock.now());
    return { clock, history, store, beat, save };
  }
  const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected;

  it("cursors are dense, in the order of time, and those of trimmed groups are invalid", () => {
    const { clock, store } = logstore({ shards: 1 });
    const shard = store.shard(0);
    for (let index = 0; index < 3; index++) {
      store.appendLogs({ logs: [log] }, 0);
      clock.pass(400_000);
    }
    assert.equal(shard.firstSince(1_700_000_000), 0);
    assert.equal(shard.firstSince(1_700_000_001), 1);
    assert.equal(shard.firstSince(1_700_009_999), 3);
    const second = shard.cursorOf(1);
    const previous = Buffer.from(String(BigInt(Buffer.from(second, "base64").toString()) - 1n)).toString("base64");
    assert.equal(shard.keptPlaceOf(previous), 0);
    assert.throws(() => shard.keptPlaceOf(shard.cursorOf(4)), code("InvalidCursor"));
    assert.throws(() => shard.keptPlaceOf("nonsense"), code("InvalidCursor"));
    assert.equal(store.shard(0).begin, 1, "older than the ttl");
    assert.throws(() => shard.keptPlaceOf(previous), code("InvalidCursor"));
  });

  it("members share the shards, counts differing by one at most, and a shard moves when its holder lets go", () => {
    const { clock, history, store, beat } = logstore();
    const group = store.createGroup({ name: "g", timeout: 10, order: false });
    assert.deepEqual(beat(group, "a", []), [0, 1, 2, 3]);
    assert.deepEqual(beat(group, "b", []), [], "nothing is free");
    assert.deepEqual(beat(group, "a", [0, 1, 2, 3]), [0, 1], "two are in transfer");
    assert.equal(group.holderOf(3), "a");
    assert.deepEqual(beat(group, "b", []), [], "not yet let go");
    assert.deepEqual(beat(group, "a", [0, 1, 2]), [0, 1]);
    assert.deepEqual(beat(group, "b", []), [3]);
    assert.deepEqual(beat(group, "a", [0, 1]), [0, 1]);
    assert.deepEqual(beat(group, "b", [3]), [2, 3]);
    for (const shard of [2, 3]) {
      const [first, second] = history.epochsOf(shard);
      assert.equal(first?.why, "handed over");
      assert.equal(second?.consumer, "b");
      assert.ok((first.until ?? Number.NaN) <= second.from);
    }
    clock.pass(9_000);
    beat(group, "b", [2, 3]);
    clock.pass(2_000);
    assert.deepEqual(beat(group, "b", [2, 3]), [0, 1, 2, 3], "a has timed out");
    assert.throws(() => beat(group, "a", [0, 1]), code("NotExistConsumerWithBody"));
    assert.deepEqual(beat(group, "a", []), [], "joined again");
  });

  it("a shard in transfer stays with its holder when the one it is meant for times out", () => {
    const { clock, store, beat } = logstore({ shards: 2 });
    const group = store.createGroup({ name: "g", timeout: 10, order: false });
    beat(group, "a", []);
    beat(group, "b", []);
    clock.pass(6_000);
    assert.deepEqual(beat(group, "a", [0, 1]), [0]);
    clock.pass(6_000);
    assert.deepEqual(beat(group, "a", [0, 1]), [0, 1]);
  });

  it("a checkpoint is refused from whoever does not hold the shard, unless forced", () => {
    const { store, beat, save } = logstore({ shards: 2 });
    const group = store.createGroup({ name: "g", timeout: 10, order: false });
    const cursor = store.shard(0).cursorOf(0);
    assert.throws(() => save(group, "a", 0, cursor), code("ConsumerNotExist"));
    beat(group, "a", []);
    beat(group, "b", []);
    save(group, "a", 0, cursor);
    assert.throws(() => save(group, "b", 0, cursor), code("ConsumerNotMatch"));
    save(group, "b", 0, cursor, true);
    assert.throws(() => save(group, "a", 9, cursor), code("ShardNotExist"));
    assert.throws(() => save(group, "a", 0, "not base64"), code("InvalidShardCheckPoint"));
    save(group, "a", 1, cursor);
    assert.deepEqual(beat(group, "a", [0]), [0], "1 has gone to b");
    assert.throws(() => save(group, "a", 1, cursor), code("ConsumerNotMatch"));
  });

  for (const endOfReadOnly of ["on-write", "at-once"] as const) {
    it(`in order, children wait until their parent has been read to its end (${endOfReadOnly})`, () => {
      const { store, beat, save } = logstore({ shards: 1, endOfReadOnly });
      const group = store.createGroup({ name: "g", timeout: 10, order: true });
      const loose = store.createGroup({ name: "loose", timeout: 10, order: false });
      beat(group, "a", []);
      beat(loose, "a", []);
      store.appendLogs({ logs: [log] }, 0);
      save(group, "a", 0, store.shard(0).cursorOf(1));
      const [parent, left, right] = store.split(0, `8${"0".repeat(31)}`);
      assert.deepEqual([parent?.writable, left?.writable, right?.writable], [false, true, true]);
      assert.equal(left?.range.end, right?.range.begin);
      assert.deepEqual(beat(loose, "a", [0]), [0, 1, 2]);
      if (endOfReadOnly === "on-write") {
        assert.deepEqual(beat(group, "a", [0]), [0]);
        save(group, "a", 0, store.shard(0).cursorOf(0));
        assert.equal(group.stateOf(1), "wait");
        save(group, "a", 0, store.shard(0).cursorOf(1));
      }
      assert.equal(group.stateOf(0), "over");
      assert.deepEqual(beat(group, "a", [0]), [1, 2]);
      save(group, "", 0, store.shard(0).cursorOf(0), true);
      assert.deepEqual(beat(group, "a", [1, 2]), [0, 1, 2], "set back, so to be read again");
    });
  }

  it("the child of a merge waits for both parents; taking away the order frees it", () => {
    const { store, beat, save, clock } = logstore({ shards: 2 });
    const group = store.createGroup({ name: "g", timeout: 10, order: true });
    beat(group, "a", []);
    store.merge(0);
    save(group, "a", 0, store.shard(0).cursorOf(0));
    assert.equal(group.stateOf(2), "wait");
    group.change({ order: false }, clock.now());
    assert.deepEqual(beat(group, "a", [0, 1]), [1, 2]);
  });
});
