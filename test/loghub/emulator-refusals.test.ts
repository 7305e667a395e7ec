import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { compress, hasZstd } from "./emulator/compression.js";
import { encodeLogGroup, type Log } from "./emulator/log-groups.js";
import { readPutBody } from "./emulator/put-logs.js";
import { checkRequest } from "./emulator/request-checks.js";
import { ServiceError } from "./emulator/service-error.js";
import { signatureV1, signatureV4 } from "./emulator/signatures.js";

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

  describe("signatures of version 4", () => {
    const date = "20260102T030405Z";
    const scope = "id/20260102/cn-hangzhou/sls/aliyun_v4_request";

    /** Right apart from headers that are replaced before it is signed, the secret, and the scope that it names. */
    function signed4(changed: Readonly<Record<string, string>> = {}, secret = key.secret, named = scope) {
      const right = signed({ date: undefined, "x-log-signaturemethod": undefined, authorization: "" });
      const headers: Record<string, string> = {
        ...right.headers,
        "x-log-date": date,
        "x-log-content-sha256": createHash("sha256").update(body).digest("hex"),
        ...changed,
      };
      const signature = signatureV4({ ...right, headers }, secret, date, settings.region);
      headers["authorization"] = `SLS4-HMAC-SHA256 Credential=${named},Signature=${signature}`;
      return { ...right, headers };
    }

    const refuses = (request: Parameters<typeof checkRequest>[0], what: string) =>
      assert.throws(
        () => checkRequest(request, now, settings),
        (error) => error instanceof ServiceError && error.code === "SignatureNotMatch",
        what,
      );

    it("what is right is let in, and refused by another secret or once it is changed", () => {
      const right = signed4();
      assert.equal(checkRequest(right, now, settings), key);
      refuses(signed4({}, "another secret"), "secret");
      refuses({ ...right, path: "/logstores/other/consumergroups" }, "path");
      refuses({ ...right, query: [["a", "x z"]] as const }, "query");
      refuses({ ...right, method: "PUT" }, "method");
      refuses({ ...right, headers: { ...right.headers, "x-log-bodyrawsize": "3" } }, "header");
    });

    it("the body's hash, the region and the day are those that it is signed for", () => {
      refuses(signed4({ "x-log-content-sha256": createHash("sha256").update("other").digest("hex") }), "hash");
      refuses(signed4({}, key.secret, scope.replace("hangzhou", "shanghai")), "region");
      refuses(signed4({}, key.secret, scope.replace("20260102", "20260101")), "day");
    });
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
